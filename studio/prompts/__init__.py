"""Prompts: their grammar, LoRAs in them, and wildcards."""
