"""Runs models: pipelines, samplers and what memory and speed need. Imports torch inside functions."""
