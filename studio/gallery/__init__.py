"""The gallery: pictures that are found, annotated and searched."""
