"""What must not break anything: kill -9, a full disk, many processes, many jobs, many hours, any request, any file.

python -m tests.torture kill|four|disk|full|queue|soak|fuzz|hostile [--tasks N] [--points N] [--folder DIR]
"""
