"""Sessions: the queue, what a run tells, and who makes its pictures."""
