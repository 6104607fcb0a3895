"""Samplers, each a diffusers scheduler with its flags, and their noise schedules."""
