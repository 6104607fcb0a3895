"""The mask editor: the painted area of a picture is repainted; ``static/mask.js`` draws it.

Its value contains the addresses of the picture and of the mask, "" for none; a freshly painted mask is a ``data:`` URL.
"""

from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import gradio as gr

from studio.images.image_file import open_image
from studio.images.transparency import mask_levels
from studio.ui.uploads import picture_file, picture_id

_PICTURES: Final = "api/pictures/"  # relative to the page


def editor(label: str) -> gr.HTML:
    """A mask editor; its picture comes from the form's picture input."""
    return gr.HTML(
        {"picture": "", "mask": ""}, label=label, html_template="", elem_classes="kind-mask", padding=False,
        apply_default_css=False,
        js_on_load='import(new URL("studio/mask.js", document.baseURI))'
        ".then(({ edit }) => edit(element, props, watch))",
    )  # fmt: skip


# The editor's value for a new picture, with nothing painted yet. Runs in the browser.
OVER: Final = '(picture) => ({ picture: picture?.url ?? "", mask: "" })'


def shown(picture: str | None, mask: str | None, output: Path) -> dict[str, str]:
    """The editor's value for these two files in ``output``."""
    return {"picture": _address(picture, output), "mask": _address(mask, output)}


def _address(path: str | None, output: Path) -> str:
    name = picture_id(output, Path(path)) if path else None
    return f"{_PICTURES}{quote(name)}" if name else ""


def file_of(painted: Any, output: Path) -> str | None:
    """The mask as a file in ``output``, white where it is painted; None if nothing is painted."""
    address = painted.get("mask") if isinstance(painted, dict) else None
    if not isinstance(address, str) or not address:
        return None
    path = picture_file(unquote(address.removeprefix(_PICTURES)) if address.startswith(_PICTURES) else address, output)
    return path if mask_levels(open_image(path)).getbbox() else None
