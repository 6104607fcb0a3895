"""From a prompt to what a model is given."""
