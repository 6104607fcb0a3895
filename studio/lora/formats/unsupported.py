"""LoRA files whose form is known but not supported: refused by name, with what to take instead."""

import re
from typing import Final

from studio.errors import ModelError
from studio.model_files.header import Header

_FORMS: Final = (  # what the name of a tensor has, what such a file is, and what to do
    (
        re.compile(r"_blocks\.\d+\..*norm\.(?:query|key)_norm\.scale$"),
        "is a control LoRA of FLUX.1 (Canny or Depth), which replaces norms and widens the model's input for a picture "
        "to follow",
        "take the whole model, black-forest-labs/FLUX.1-Canny-dev or FLUX.1-Depth-dev",
    ),
    (
        re.compile(r"\.oft_R\.(?:\w+\.)?weight$"),
        "is OFT that turns a module's inputs, as OneTrainer and PEFT have it ('oft_R')",
        "train it as LoRA, or as OFT with kohya's scripts or LyCORIS",
    ),
)
"""Sources: ``_convert_bfl_flux_control_lora_to_diffusers`` of diffusers' ``loaders/lora_conversion_utils.py``;
OneTrainer's ``modules/module/oft_utils.py``; peft's ``tuners/oft/layer.py``."""


def check(header: Header) -> None:
    """Raise ModelError that names the form where the file has one of these."""
    for mark, what, instead in _FORMS:
        if any(mark.search(name) for name in header.tensors):
            raise ModelError(f"'{header.path}' {what}; that is not supported: {instead}")
