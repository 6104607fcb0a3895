"""A number input that may be empty; ``static/number.js`` draws it.

Gradio's own number box turns an empty value into 0 when it is redrawn, and reports a number out of bounds as an error
without a field. The value of this one is a number, "" for empty, or the text that is not a number.
"""

from typing import Any

import gradio as gr

from studio.ui.controls import FormControl


def box(control: FormControl, label: str, empty: str) -> gr.HTML:
    """A number box; ``empty`` is its placeholder, for example the value that is used then."""
    return gr.HTML(
        shown(control.default), label=label, html_template="", elem_classes=f"kind-{control.kind}", padding=False,
        apply_default_css=False, tip=control.help, empty=empty, least=control.least, greatest=control.greatest,
        step=control.step or "any",
        js_on_load='import(new URL("studio/number.js", document.baseURI))'
        ".then(({ number }) => number(element, props, watch, trigger))",
    )  # fmt: skip


def shown(value: float | None) -> Any:
    """The box's value for a job's value."""
    return "" if value is None else value


def given(value: Any) -> Any:
    """The job's value for the box's value; None if it is empty."""
    return None if value in ("", None) else value
