"""The widgets that ipywidgets lacks: each a tiny class here, and a script of its name in ``js``.

Values go both ways as traits. Wishes ("generate", "stop"), files and clicks come as messages.
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
    """A trait of bytes: the browser's come as a memoryview."""
    return Bytes().tag(sync=True, from_json=lambda value, _: bytes(value))


def _number() -> Any:
    return Union([Int(), Float()], default_value=None, allow_none=True).tag(sync=True)


def _text(default: str = "") -> Any:
    return Unicode(default).tag(sync=True)


class Piece(AnyWidget):
    """What all have: a label, which is the accessible name, and a tip that shows on pointing."""

    label = _text()
    tip = _text()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}; run the cell to use it>"

    def hear(self, wish: str, callback: Callable[[dict[str, Any]], None]) -> None:
        """Call ``callback`` with each message of the browser's that has the key ``wish``."""
        self.on_msg(lambda _, message, __: callback(message) if wish in message else None)


class KernelBanner(Piece):
    """First in a panel: says when its kernel was restarted, and disables the panel. Before that it shows nothing.

    "ask" is its message to find out whether the kernel still knows the panel, and is answered at once.
    """

    _esm = _script("kernel_banner")
    _css = _read("style.css")

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.hear("ask", lambda message: self.send({"answer": message["ask"]}))


class PromptBox(Piece):
    """A text that grows. Ctrl+Enter and Esc are wishes."""

    _esm = _script("prompt")
    value = _text()
    placeholder = _text()
    rows = Int(2).tag(sync=True)


class Number(Piece):
    """A number or None, with a slider where ``slider`` is set; bounds are shown, not enforced."""

    _esm = _script("number")
    value = _number()
    least = _number()
    greatest = _number()
    step = _number()
    placeholder = _text()
    slider = Bool(False).tag(sync=True)


class Colour(Piece):
    """A colour as a word or #rrggbb, with a picker; or None."""

    _esm = _script("colour")
    value = Unicode(None, allow_none=True).tag(sync=True)
    placeholder = _text()


class _Receiver(Piece):
    """A piece to which the browser sends a file, in parts."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._parts: list[bytes] = []

    def on_file(self, callback: Callable[[str, bytes], None]) -> None:
        """Call ``callback`` with the name and the bytes of each file that came whole."""

        def receive(_: Any, message: dict[str, Any], buffers: list[memoryview]) -> None:
            if "part" not in message:
                return
            self._parts = [*self._parts[: message["part"]], bytes(buffers[0])]
            if len(self._parts) == message["parts"]:
                callback(message["name"], b"".join(self._parts))

        self.on_msg(receive)


class DropZone(_Receiver):
    """Takes a picture file that is dropped, pasted or chosen, or several at once where ``many``; ``texts`` takes JSON
    and text files too.

    "coming" is its message that files follow, and "clear" to let go of those it has.
    """

    _esm = _script("drop")
    words = _text()
    pictures: Any = List(Bytes()).tag(sync=True)
    many = Bool(False).tag(sync=True)
    texts = Bool(False).tag(sync=True)
    compact = Bool(False).tag(sync=True)


class MaskPainter(_Receiver):
    """A mask painted on ``picture``, white where painted; each stroke sends it as a PNG."""

    _esm = _read("../ui/scripts/painter.js") + _script("mask")
    picture = _bytes()
    mask = _bytes()
    empty = _text("Choose a picture first, then paint on it here.")


class LoraStack(Piece):
    """LoRAs in use, as texts, and ``cards`` to take others from, as ``lorashelf.shown`` tells of them.

    Messages: "opened", the cards are about to be looked at; "word", a trigger word to put into the prompt; "preview",
    the card whose picture is wanted.
    """

    _esm = _read("../ui/scripts/lora_stack.js") + _script("loras")
    _css = _read("../ui/scripts/lora_stack.css")
    value: Any = List(Unicode()).tag(sync=True)
    cards: Any = List().tag(sync=True)
    slider: Any = List(Float()).tag(sync=True)
    words = Bool(True).tag(sync=True)
    empty = _text()

    def send_preview(self, card: str, picture: bytes) -> None:
        """The picture that was asked for; b"" where it cannot be read."""
        self.send({"preview": card}, [picture])


class Bar(Piece):
    """Generate and Stop, a line of text and how far it is; ``fraction`` None: nobody knows."""

    _esm = _script("bar")
    _css = _read("style.css")
    running = Bool(False).tag(sync=True)
    fraction = _number()
    text = _text()
    problem = Bool(False).tag(sync=True)


class Stage(Piece):
    """One picture, large; click to enlarge. ``file`` is the name to download it by, "" while it is a preview."""

    _esm = _script("stage")
    picture = _bytes()
    alt = _text()
    caption = _text()
    empty = _text()
    file = _text()


class Strip(Piece):
    """A row of small pictures: ``items`` are {key, label, jpeg, word}; a click sends "chosen"."""

    _esm = _script("strip")
    _css = _read("style.css")
    items: Any = List().tag(sync=True)
    chosen = _text()


class BeforeAfter(Piece):
    """Two pictures of one place; a line to drag shows the left of one and the right of the other."""

    _esm = _script("compare")
    _css = _read("style.css")
    before = _bytes()
    after = _bytes()
    before_label = _text("Before")
    after_label = _text("After")
    at = Int(50).tag(sync=True)


class Grid(Piece):
    """Thousands of small pictures under a search box, of which only those near the view are sent.

    ``total`` pictures are found by ``query``, counted from 0; ``chosen`` is one of them, -1 none. ``version`` is
    another when all are to be asked for anew. Messages: "page", whose answer is ``send_page``; "chosen"; "refresh".
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
        """The pictures of a page that was asked for: {label, word} of each, and its JPEG, b"" where there is none."""
        self.send({"page": page, "version": version, "items": items}, jpegs)


class Marks(Piece):
    """What people say of a picture: ``said`` as in ``gallery.entry.Marks``; ``known`` are the tags and collections
    there are. "mark" is its message of what is to be said from now on, as in ``gallery.entry.Change``."""

    _esm = _script("marks")
    said: Any = Dict().tag(sync=True)
    known: Any = Dict().tag(sync=True)
