"""Picture files, and drawing with Pillow."""
