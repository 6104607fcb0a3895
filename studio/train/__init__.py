"""Training a LoRA on pictures of one's own: one readable loop (``loop``) and what it needs around it.

    from studio.train import lora
    lora("brand-pictures", name="brand")
"""

from studio.train.course import Course, lora

__all__ = ["Course", "lora"]
