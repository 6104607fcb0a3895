"""Importing pictures and workflows of other tools, and exporting ours to ComfyUI."""
