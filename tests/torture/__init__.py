"""What must not break anything: kill -9, a full disk, many processes, many jobs, many hours, hostile files.

python -m tests.torture kill|four|disk|queue|soak|hostile [--tasks N] [--points N] [--folder DIR]
"""
