"""Tensors from files, on a device."""
