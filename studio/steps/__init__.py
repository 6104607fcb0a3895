"""Steps: one typed function ``run(engine, …)`` a file. The file's name is the step's name."""
