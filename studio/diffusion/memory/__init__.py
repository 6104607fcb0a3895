"""The memory that models take, and where their weights are placed."""
