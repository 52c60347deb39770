"""Differential testing: random modules and mutated binaries, the engines of this repository against wasmtime."""
