"""What a model is, where it lies and what its files are, before anything loads it."""
