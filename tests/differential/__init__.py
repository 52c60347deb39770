"""Differential testing: random modules and damaged binaries, the engines of this repository against wasmtime.

``python -m pytest tests/differential`` searches for two minutes with a fixed seed and runs what earlier searches found;
``python -m tests.differential --minutes 60`` searches for as long as you like, each time from another seed.
"""
