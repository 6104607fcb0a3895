"""Training a LoRA on pictures of one's own: one readable loop (``loop``) and what it needs around it.

``lora("brand-pictures", name="brand")`` from Python, ``studio train lora`` from the command line.
"""

from studio.train.config import Course
from studio.train.train_lora import lora

__all__ = ["Course", "lora"]
