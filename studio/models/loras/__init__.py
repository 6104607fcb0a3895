"""LoRAs: what is in their files, what they fit, where they lie and what is said of them."""
