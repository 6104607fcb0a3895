"""Steps: one typed function ``run(engine, …)`` in each file. The file's name is the step's name."""
