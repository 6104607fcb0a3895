"""ComfyUI's graphs: read backwards from their outputs, and written for our workflows."""
