"""The mask editor: a person paints over a picture, and what is painted is made anew.

Its value is the addresses of the picture below and of the mask, "" for none; a mask that was just
painted is its own address, as ``data:``. What draws it is ``static/mask.js``.
"""

from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import gradio as gr

from studio.imagefile import open_image
from studio.surfaces.uploads import picture_file

_FILE: Final = "/gradio_api/file="


def editor(label: str) -> gr.HTML:
    """An editor of a mask; the picture below comes from the form's picture input."""
    return gr.HTML(
        shown(None, None), label=label, html_template="", elem_classes="kind-mask", padding=False,
        apply_default_css=False, js_on_load='import("/studio/mask.js").then(({ edit }) => edit(element, props, watch))',
    )  # fmt: skip


# What the editor shows when somebody gives a picture: it, with nothing painted yet. Runs in the browser.
OVER: Final = '(picture) => ({ picture: picture?.url ?? "", mask: "" })'


def shown(picture: str | None, mask: str | None) -> dict[str, str]:
    """What the editor shows for these two files."""
    return {"picture": _address(picture), "mask": _address(mask)}


def _address(path: str | None) -> str:
    return f"{_FILE}{quote(path)}" if path else ""


def file_of(painted: dict[str, Any] | None, output: Path) -> str | None:
    """The mask as a file in ``output``, white where something was painted; None where nothing was."""
    if not (address := (painted or {}).get("mask")):
        return None
    path = picture_file(unquote(address.removeprefix(_FILE)) if address.startswith(_FILE) else address, output)
    return path if open_image(path).convert("L").getbbox() else None
