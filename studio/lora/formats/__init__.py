"""What a LoRA file contains, whichever program wrote it."""
