"""Spark, the embedded open model: its drawings, its training, its measure.

Nothing here is needed to *use* Spark (``assets/spark`` is an ordinary diffusers folder);
everything here is needed to make it again.
"""
