"""The gallery: pictures found, marked and searched."""
