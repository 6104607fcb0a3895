"""Sessions: the queue, the events of runs, and the executors that make pictures."""
