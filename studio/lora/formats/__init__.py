"""What a LoRA file holds, whoever wrote it."""
