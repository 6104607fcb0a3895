"""LoRAs: their files, their library, how they act on a model, and tools for them."""
