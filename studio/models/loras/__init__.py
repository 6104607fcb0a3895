"""LoRA files: what they change, and how that fits a model."""
