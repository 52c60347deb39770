"""The x86-64 processor: its registers, its instructions and their encodings, the assembler.

The manual that comments and docstrings mean is the "Intel 64 and IA-32 Architectures Software Developer's Manual",
volume 2.
"""
