"""The types that inputs are written in."""
