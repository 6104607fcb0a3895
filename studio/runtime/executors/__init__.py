"""Who makes the pictures of a queue: this machine, or the workers of a Ray cluster."""
