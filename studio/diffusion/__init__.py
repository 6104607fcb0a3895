"""Loading models and drawing with them."""
