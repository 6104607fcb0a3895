"""Published pictures and their records."""
