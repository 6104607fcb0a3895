"""All the pictures there are: found again, sorted, told apart. Files come first; this is an index over them."""
