"""The binary format (specification, chapter "Binary Format"): ``decode`` and ``encode`` mirror each other."""
