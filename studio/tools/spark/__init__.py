"""Spark, the embedded open model: its training data, its training and its evaluation.

Nothing here is needed to *use* Spark (``assets/spark`` is an ordinary diffusers folder);
everything here is needed to reproduce it.
"""
