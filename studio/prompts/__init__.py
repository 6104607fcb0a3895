"""What people write in a prompt."""
