"""Pictures as files: what they carry, how they are named and how they are published."""
