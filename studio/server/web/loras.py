"""The stack of LoRAs on the page; ``static/loras.js`` draws it.

Its value names the model that they must fit, and the prompt box for their trigger words by its index in the form, -1 if
there is none.
"""

from typing import Any, Final

import gradio as gr

from studio.errors import InputError
from studio.parameters.types import LORA_WEIGHTS
from studio.ui.controls import FormControl
from studio.ui.lora_picker import EMPTY


def stack(control: FormControl) -> gr.HTML:
    """A stack with the control's default LoRAs, without a model."""
    return gr.HTML(
        shown(control.default, "", -1), label=control.label, html_template="", elem_classes="kind-loras", padding=False,
        apply_default_css=False, tip=control.help, empty=EMPTY, slider=list(LORA_WEIGHTS),
        js_on_load='import(new URL("studio/loras.js", document.baseURI))'
        ".then(({ stack }) => stack(element, props, watch))",
    )  # fmt: skip


def chosen(shown: Any) -> Any:
    """The LoRAs in the stack's value; raises InputError for a value that is not one of its own."""
    if not isinstance(shown, dict):
        raise InputError("LoRAs: choose them from the list again")
    return shown.get("loras")


# The stack's value after another model is chosen. Runs in the browser.
FITTING: Final = "(model, shown) => ({ ...shown, model })"


def shown(loras: list[str] | None, model: str, prompt: int) -> dict[str, Any]:
    """The stack's value."""
    return {"loras": list(loras or ()), "model": model, "prompt": prompt}
