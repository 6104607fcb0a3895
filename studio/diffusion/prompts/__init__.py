"""Encoding prompts for a model."""
