"""The types of inputs, and what a step and a workflow make of them."""
