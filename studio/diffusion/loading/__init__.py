"""From files to the modules of a pipeline."""
