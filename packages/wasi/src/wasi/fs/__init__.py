"""File systems: the jail (``resolve``), folders of the host, in memory, read-only ones, and the base of one's own."""
