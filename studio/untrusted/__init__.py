"""What comes from outside, each kind through one door: files, JSON, YAML, and text that is shown on a terminal."""
