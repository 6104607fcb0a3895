"""What all model families share."""
