"""The stack of LoRAs on the page. What draws it is ``static/loras.js``; its value names the model they must fit
and the prompt box that takes their trigger words, by its number in the form, -1 where there is none.
"""

from typing import Any, Final

import gradio as gr

from studio.errors import InputError
from studio.parameters.types import LORA_WEIGHTS
from studio.ui.controls import Control
from studio.ui.lora_picker import EMPTY


def stack(control: Control) -> gr.HTML:
    """A stack with the control's own LoRAs in it, which fits no model yet."""
    return gr.HTML(
        shown(control.default, "", -1), label=control.label, html_template="", elem_classes="kind-loras", padding=False,
        apply_default_css=False, tip=control.help, empty=EMPTY, slider=list(LORA_WEIGHTS),
        js_on_load='import(new URL("studio/loras.js", document.baseURI))'
        ".then(({ stack }) => stack(element, props, watch))",
    )  # fmt: skip


def chosen(shown: Any) -> Any:
    """The LoRAs in what the stack shows; raises InputError for what it never shows."""
    if not isinstance(shown, dict):
        raise InputError("LoRAs: choose them from the list again")
    return shown.get("loras")


# What the stack shows when somebody chooses another model. Runs in the browser.
FITTING: Final = "(model, shown) => ({ ...shown, model })"


def shown(loras: list[str] | None, model: str, prompt: int) -> dict[str, Any]:
    """What the stack shows."""
    return {"loras": list(loras or ()), "model": model, "prompt": prompt}
