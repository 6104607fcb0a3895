"""What is in a weight file, read without loading it."""
