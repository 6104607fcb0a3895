"""``studio lora``: the LoRAs that are here, what is known of them, whether they fit."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from studio.cli import lora_tools
from studio.cli.terminal import say
from studio.files.untrusted import named_in_text

FAILED = 1
WHOLE = {".safetensors"}

Json = Annotated[bool, Parameter(name="--json", negative="")]

app = App(name="lora", help="The LoRAs that are here: list, look at, check; merge, extract, resize.")
app.command(lora_tools.merge)
app.command(lora_tools.extract)
app.command(lora_tools.resize)


@app.command(name="list")
def list_loras(*, json_: Json = False) -> None:
    """List the LoRAs that are here.

    Parameters
    ----------
    json_:
        Write JSON.
    """
    from studio.lora.library import lora_index
    from studio.lora.library.lora_summary import brief, line

    found = lora_index.Shelf.look()
    if json_:
        _write([brief(card) for card in found.cards.values()])
        return
    for name, card in found.cards.items():
        say(f"{name:28} {line(card)}")
    if not found.cards:
        say(f"there are none; put some into {lora_index.own()}, or: studio models add FOLDER of A1111 or ComfyUI")
    for file in found.left_alone:
        say(f"left alone: {file}{_why(file)}")


def _why(file: Path) -> str:
    if not named_in_text(file):
        return ", whose name holds letters of no known alphabet: rename it"
    return "" if file.suffix in WHOLE else ", which is pickled and can run code"


@app.command
def info(lora: str, *, json_: Json = False) -> None:
    """Say what is known of a LoRA, and where it was found: base, trigger words, weight, licence claims, hashes.

    Parameters
    ----------
    lora:
        A LoRA's name, or the path of its file.
    json_:
        Write JSON.
    """
    from studio.lora.library import lora_index
    from studio.lora.library.card import LoraCard
    from studio.lora.library.lora_summary import about, data

    card = LoraCard.read(lora_index.find(lora))
    if json_:
        _write(data(card))
    else:
        _print(about(card))


@app.command
def check(lora: str, *, model: str = "spark", scrub: Path | None = None, json_: Json = False) -> int:
    """Say what of a LoRA applies to a model and what does not, by name. Exit code 1 where not all of it does.

    studio lora check neon --model dreamshaper

    studio lora check neon.safetensors --scrub neon-clean.safetensors

    Parameters
    ----------
    lora:
        A LoRA's name, or the path of its file.
    model:
        The model to hold it against.
    scrub:
        Only write a copy here, without what the file tells of those who trained it.
    json_:
        Write JSON, with all names.
    """
    from studio.lora.library import lora_index
    from studio.lora.library.check import LoraCheck
    from studio.models import library

    path = lora_index.find(lora)
    if scrub:
        return _scrub(path, scrub)
    found = LoraCheck.of(path, library.find(model))
    if json_:
        _write(found.data())
    else:
        _print(found.lines())
    return FAILED if found.problem else 0


def _scrub(path: Path, out: Path) -> int:
    from studio.lora.library import privacy
    from studio.model_files.header import Header

    privacy.scrub(path, out)
    found = privacy.findings(Header.read(path).metadata)
    say(f"wrote {out} without {', '.join(finding.what for finding in found) or 'anything less: nothing was private'}")
    return 0


def _print(pairs: Iterable[tuple[str, str]]) -> None:
    before = ""
    for what, how in pairs:
        say(f"{what if what != before else '':12} {how}")
        before = what


def _write(content: Any) -> None:
    say(*json.dumps(content, indent=1).split("\n"))
