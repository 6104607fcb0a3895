"""Samplers and their schedules."""
