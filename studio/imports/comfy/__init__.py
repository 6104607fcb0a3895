"""ComfyUI's graphs: read backwards from what they save, and written for our workflows."""
