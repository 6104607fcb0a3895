"""What makes pictures: the device of this machine, or the workers of a Ray cluster."""
