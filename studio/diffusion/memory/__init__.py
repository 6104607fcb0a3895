"""What a model weighs, and where its weights are put."""
