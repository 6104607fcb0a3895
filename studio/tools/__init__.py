"""Benchmarks, the embedded model, the demo and the previews."""
