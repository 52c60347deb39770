"""From a function body in the binary format to values and blocks."""
