"""A colour input that may be empty; ``static/colour.js`` draws it.

Gradio's own picker shows nothing while it is empty, and a chosen colour cannot be cleared. The value of this one is a
text: "#rrggbb", a name, or "".
"""

import gradio as gr

from studio.ui.controls import FormControl


def box(control: FormControl, label: str) -> gr.HTML:
    """A text box with a swatch to choose from."""
    return gr.HTML(
        control.default or "", label=label, html_template="", elem_classes="kind-colour", padding=False,
        apply_default_css=False, tip=control.help, empty="" if control.required else "Auto",
        js_on_load='import(new URL("studio/colour.js", document.baseURI))'
        ".then(({ colour }) => colour(element, props, watch, trigger))",
    )  # fmt: skip
