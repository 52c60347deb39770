"""What a module does (specification, chapter "Execution", section "Runtime Structure")."""
