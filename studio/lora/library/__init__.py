"""The LoRAs by name, and the claims about each."""
