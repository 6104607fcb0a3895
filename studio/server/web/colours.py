"""A colour on the page, which may be left empty. What draws it is ``static/colour.js``.

Gradio's own picker shows nothing while it is empty, and a colour that was chosen cannot be taken back. The value of
this one is a text: "#rrggbb", a name, or "" for empty.
"""

import gradio as gr

from studio.ui.controls import Control


def box(control: Control, label: str) -> gr.HTML:
    """A text box with a swatch to choose from."""
    return gr.HTML(
        control.default or "", label=label, html_template="", elem_classes="kind-colour", padding=False,
        apply_default_css=False, tip=control.help, empty="" if control.required else "Auto",
        js_on_load='import(new URL("studio/colour.js", document.baseURI))'
        ".then(({ colour }) => colour(element, props, watch, trigger))",
    )  # fmt: skip
