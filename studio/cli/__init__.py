"""The command ``studio``."""
