"""Reading tensors from files, checking and aligning them, and the devices they are on."""
