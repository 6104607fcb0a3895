"""LoRA files in formats that are known but not supported: refused by name, with an alternative."""

import re
from typing import Final

from studio.errors import ModelError
from studio.model_files.header import Header

_FORMATS: Final = (  # a pattern for the key of a tensor, what such a file is, and what to do
    (
        re.compile(r"_blocks\.\d+\..*norm\.(?:query|key)_norm\.scale$"),
        "is a control LoRA of FLUX.1 (Canny or Depth), which replaces norms and widens the model's input for a control "
        "image",
        "use the whole model, black-forest-labs/FLUX.1-Canny-dev or FLUX.1-Depth-dev",
    ),
    (
        re.compile(r"\.oft_R\.(?:\w+\.)?weight$"),
        "is OFT that rotates a module's inputs, as OneTrainer and PEFT have it ('oft_R')",
        "train it as LoRA, or as OFT with kohya's scripts or LyCORIS",
    ),
)
"""Sources: ``_convert_bfl_flux_control_lora_to_diffusers`` of diffusers' ``loaders/lora_conversion_utils.py``;
OneTrainer's ``modules/module/oft_utils.py``; peft's ``tuners/oft/layer.py``."""


def check(header: Header) -> None:
    """Raise ModelError that names the format where the file is in one of these."""
    for pattern, what, instead in _FORMATS:
        if any(pattern.search(key) for key in header.tensors):
            raise ModelError(f"'{header.path}' {what}; that is not supported: {instead}")
