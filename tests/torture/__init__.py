"""What must not break a batch or the queue: kill -9, a full disk, many processes, many jobs, many hours, any request.

python -m tests.torture kill|four|disk|full|queue|soak|fuzz [--tasks N] [--points N] [--folder DIR]
"""
