"""Reading files from outside safely, and writing files safely."""
