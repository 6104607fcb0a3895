"""LoRAs by name, and what is said of each."""
