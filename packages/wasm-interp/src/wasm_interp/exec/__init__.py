"""The portable engine: bodies become Python source."""
