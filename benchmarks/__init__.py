"""The measured comparisons; each module says how to run it."""
