"""What the tensors of a LoRA file that is written here are called.

Models with a U-Net get kohya's names, which A1111, ComfyUI and diffusers read. For transformers kohya's names are those
of their makers, with modules fused, and not every program reads them; these get PEFT's.
"""

from collections.abc import Callable, Collection
from typing import Final

Name = Callable[[str, str, str], str]
"""A component, a module and a role ("up", "down", "diff" …) → the tensor's name."""

KOHYA: Final = {"up": "lora_up.weight", "down": "lora_down.weight"}
PEFT: Final = {"up": "lora_B.weight", "down": "lora_A.weight"}
_WRAPPED: Final = ("encoder.layers.", "embeddings.", "final_layer_norm")  # what CLIP has within its ``text_model``


def names(components: Collection[str]) -> Name:
    """For a model with these components."""
    return _kohya("text_encoder_2" in components) if "unet" in components else _peft


def _kohya(several: bool) -> Name:
    first = "lora_te1_" if several else "lora_te_"
    begins = {"unet": "lora_unet_", "text_encoder": first, "text_encoder_2": "lora_te2_"}

    def name(component: str, module: str, role: str) -> str:
        return f"{begins[component]}{_whole(component, module).replace('.', '_')}.{KOHYA.get(role, role)}"

    return name


def _peft(component: str, module: str, role: str) -> str:
    return f"{component}.{_whole(component, module)}.{PEFT.get(role, role)}"


def _whole(component: str, module: str) -> str:
    inside = component.startswith("text_encoder") and module.startswith(_WRAPPED)
    return f"text_model.{module}" if inside else module
