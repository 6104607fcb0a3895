"""A number on the page, which may be left empty. What draws it is ``static/number.js``.

Gradio's own number box turns an empty value into 0 when it is drawn again, and reports a number out of bounds
as an error without a field. The value of this one is a number, "" for empty, or the text that is not a number.
"""

from typing import Any

import gradio as gr

from studio.ui.controls import Control


def box(control: Control, label: str, empty: str) -> gr.HTML:
    """A number box; ``empty`` is what an empty box shows, for example what is used then."""
    return gr.HTML(
        shown(control.default), label=label, html_template="", elem_classes=f"kind-{control.kind}", padding=False,
        apply_default_css=False, tip=control.help, empty=empty, least=control.least, greatest=control.greatest,
        step=control.step or "any",
        js_on_load='import(new URL("studio/number.js", document.baseURI))'
        ".then(({ number }) => number(element, props, watch, trigger))",
    )  # fmt: skip


def shown(value: float | None) -> Any:
    """What the box shows for a job's value."""
    return "" if value is None else value


def given(value: Any) -> Any:
    """The job's value of what the box holds; None where it is empty."""
    return None if value in ("", None) else value
