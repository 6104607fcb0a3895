"""Loading the modules of a pipeline from files."""
