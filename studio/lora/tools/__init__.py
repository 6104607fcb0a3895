"""New LoRAs and checkpoints from others."""
