"""The text format (specification, chapter "Text Format"), and the scripts of the official test suite."""
