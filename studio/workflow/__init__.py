"""Workflow files, jobs, and jobs resolved."""
