"""The widgets that ipywidgets lacks: each is a small class here and a script in ``js``.

Values are synchronised traits. Actions ("generate", "stop"), files and clicks come as custom messages.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from anywidget import AnyWidget
from traitlets import Bool, Bytes, Dict, Float, Int, List, Unicode, Union

HERE: Final = Path(__file__).parent


def _read(file: str) -> str:
    return (HERE / file).read_text(encoding="utf-8")


def _script(name: str) -> str:
    return _read("js/dom.js") + _read(f"js/{name}.js")


def _bytes() -> Any:
    """A trait of bytes, which the browser sends as a memoryview."""
    return Bytes().tag(sync=True, from_json=lambda value, _: bytes(value))


def _number() -> Any:
    return Union([Int(), Float()], default_value=None, allow_none=True).tag(sync=True)


def _text(default: str = "") -> Any:
    return Unicode(default).tag(sync=True)


class StudioWidget(AnyWidget):
    """The base of all: a label, which is the accessible name, and a tooltip."""

    label = _text()
    tip = _text()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}; run the cell to use it>"

    def on_message(self, key: str, callback: Callable[[dict[str, Any]], None]) -> None:
        """Call ``callback`` with each message from the browser that has this key."""
        self.on_msg(lambda _, message, __: callback(message) if key in message else None)


class KernelBanner(StudioWidget):
    """The first widget of a panel: says when the kernel was restarted, and disables the panel.

    Its message "ask" finds out whether the kernel still knows the panel, and is answered at once.
    """

    _esm = _script("kernel_banner")
    _css = _read("style.css")

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_message("ask", lambda message: self.send({"answer": message["ask"]}))


class PromptBox(StudioWidget):
    """A text box that grows. Ctrl+Enter sends "generate", Esc "stop"."""

    _esm = _script("prompt")
    value = _text()
    placeholder = _text()
    rows = Int(2).tag(sync=True)


class NumberInput(StudioWidget):
    """A number or None, with a slider if ``slider`` is set; bounds are shown, not enforced."""

    _esm = _script("number")
    value = _number()
    least = _number()
    greatest = _number()
    step = _number()
    placeholder = _text()
    slider = Bool(False).tag(sync=True)


class ColourPicker(StudioWidget):
    """A colour as a word or #rrggbb, with a picker; or None."""

    _esm = _script("colour")
    value = Unicode(None, allow_none=True).tag(sync=True)
    placeholder = _text()


class _FileReceiver(StudioWidget):
    """A widget to which the browser sends files, in parts."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._parts: list[bytes] = []

    def on_file(self, callback: Callable[[str, bytes], None]) -> None:
        """Call ``callback`` with the name and the bytes of each complete file."""

        def receive(_: Any, message: dict[str, Any], buffers: list[memoryview]) -> None:
            if "part" not in message:
                return
            self._parts = [*self._parts[: message["part"]], bytes(buffers[0])]
            if len(self._parts) == message["parts"]:
                callback(message["name"], b"".join(self._parts))

        self.on_msg(receive)


class DropZone(_FileReceiver):
    """Takes a picture file that is dropped, pasted or chosen; several with ``many``, also JSON and text with ``texts``.

    Messages: "coming", files follow; "clear", remove the present ones.
    """

    _esm = _script("drop")
    words = _text()
    pictures: Any = List(Bytes()).tag(sync=True)
    many = Bool(False).tag(sync=True)
    texts = Bool(False).tag(sync=True)
    compact = Bool(False).tag(sync=True)


class MaskPainter(_FileReceiver):
    """A mask that is painted on ``picture``, white where painted; each stroke sends it as a PNG."""

    _esm = _read("../ui/scripts/painter.js") + _script("mask")
    picture = _bytes()
    mask = _bytes()
    empty = _text("Choose a picture first, then paint on it here.")


class LoraStack(StudioWidget):
    """The LoRAs in use, as text, and the ``cards`` of ``lora_picker.options`` to choose others from.

    Messages: "opened", the cards are about to be shown; "word", a trigger word to add to the prompt; "preview", the
    name of the card whose picture is needed.
    """

    _esm = _read("../ui/scripts/lora_stack.js") + _script("loras")
    _css = _read("../ui/scripts/lora_stack.css")
    value: Any = List(Unicode()).tag(sync=True)
    cards: Any = List().tag(sync=True)
    slider: Any = List(Float()).tag(sync=True)
    words = Bool(True).tag(sync=True)
    empty = _text()

    def send_preview(self, card: str, picture: bytes) -> None:
        """Send a requested preview; b"" if it cannot be read."""
        self.send({"preview": card}, [picture])


class GenerateBar(StudioWidget):
    """Generate and Stop, a line of text and a progress bar, which is indeterminate if ``fraction`` is None."""

    _esm = _script("bar")
    _css = _read("style.css")
    running = Bool(False).tag(sync=True)
    fraction = _number()
    text = _text()
    problem = Bool(False).tag(sync=True)


class PictureView(StudioWidget):
    """One large picture; a click enlarges it. ``file`` is the name for the download, "" for a preview."""

    _esm = _script("stage")
    picture = _bytes()
    alt = _text()
    caption = _text()
    empty = _text()
    file = _text()


class ThumbnailStrip(StudioWidget):
    """A row of thumbnails: ``items`` are {key, label, jpeg, word}; a click sends "chosen"."""

    _esm = _script("strip")
    _css = _read("style.css")
    items: Any = List().tag(sync=True)
    chosen = _text()


class BeforeAfter(StudioWidget):
    """Two pictures on top of each other, with a line between them to drag."""

    _esm = _script("compare")
    _css = _read("style.css")
    before = _bytes()
    after = _bytes()
    before_label = _text("Before")
    after_label = _text("After")
    at = Int(50).tag(sync=True)


class ThumbnailGrid(StudioWidget):
    """Thousands of thumbnails below a search box; only those near the view are sent.

    ``query`` finds ``total`` pictures; ``chosen`` is the index of one of them, or -1. A new ``version`` makes the
    browser request all pages again. Messages: "page", which ``send_page`` answers; "chosen"; "refresh".
    """

    _esm = _script("grid")
    _css = _read("style.css")
    query = _text()
    text = _text()
    problem = Bool(False).tag(sync=True)
    total = Int(0).tag(sync=True)
    page = Int(60).tag(sync=True)
    version = Int(0).tag(sync=True)
    chosen = Int(-1).tag(sync=True)

    def send_page(self, page: int, version: int, items: list[dict[str, str]], jpegs: list[bytes]) -> None:
        """Send the pictures of a requested page: {label, word} of each, and its JPEG, b"" if there is none."""
        self.send({"page": page, "version": version, "items": items}, jpegs)


class MarksEditor(StudioWidget):
    """Rating, tags, collections and note of a picture: ``marks`` has the fields of ``gallery.entry.Marks``.

    ``known`` are the existing tags and collections. Message: "mark", with the fields of ``gallery.entry.Change``.
    """

    _esm = _script("marks")
    marks: Any = Dict().tag(sync=True)
    known: Any = Dict().tag(sync=True)
