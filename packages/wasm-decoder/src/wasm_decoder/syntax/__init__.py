"""What a module is made of (specification, chapter "Structure")."""
