"""Loading diffusion models and drawing with them."""
