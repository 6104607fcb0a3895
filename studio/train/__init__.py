"""Training a LoRA on a folder of pictures: a readable training loop (``loop``) and what it needs.

``lora("brand-pictures", name="brand")`` from Python, ``studio train lora`` from the command line.
"""

from studio.train.config import TrainingConfig as Course
from studio.train.train_lora import lora

__all__ = ["Course", "lora"]
