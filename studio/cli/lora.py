"""``studio lora``: list, show and check LoRAs."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cyclopts import App

from studio.cli.options import JsonOption
from studio.cli.terminal import say
from studio.files.untrusted import named_in_text

FAILED = 1
SAFE = {".safetensors"}

app = App(name="lora")
app.command("studio.cli.lora_tools:merge", help="Merge LoRAs into a model, or into one LoRA.")
app.command("studio.cli.lora_tools:extract", help="Extract the difference of two models as a LoRA.")
app.command("studio.cli.lora_tools:resize", help="Change the rank of a LoRA.")


@app.command(name="list")
def list_loras(*, json_: JsonOption = False) -> None:
    """List the installed LoRAs.

    Parameters
    ----------
    json_:
        Print JSON.
    """
    from studio.library import Library
    from studio.lora.library.lora_summary import brief, line

    library = Library.from_environment()
    found = library.loras.shelf()
    if json_:
        _write([brief(card) for card in found.cards.values()])
        return
    for name, card in found.cards.items():
        say(f"{name:28} {line(card)}")
    if not found.cards:
        say(f"no LoRAs yet; put some into {library.parts}, or add those of A1111 or ComfyUI: studio models add FOLDER")
    for file in found.left_alone:
        say(f"skipped: {file}{_why(file)}")


def _why(file: Path) -> str:
    if not named_in_text(file):
        return ", because its name is not valid Unicode; rename it"
    return "" if file.suffix in SAFE else ", because it is a pickle and could run code"


@app.command
def info(lora: str, *, json_: JsonOption = False) -> None:
    """Show a LoRA's base model, trigger words, weight, licence claims and hashes, each with its source.

    Parameters
    ----------
    lora:
        A LoRA's name, or the path of its file.
    json_:
        Print JSON.
    """
    from studio.library import Library
    from studio.lora.library.card import LoraCard
    from studio.lora.library.lora_summary import about, data

    library = Library.from_environment()
    card = LoraCard.read(library.loras.find(lora))
    if json_:
        _write(data(card, library.hash_cache))
    else:
        _print(about(card, library.hash_cache))


@app.command
def check(lora: str, *, model: str = "spark", scrub: Path | None = None, json_: JsonOption = False) -> int:
    """Check which modules of a LoRA fit a model, and list those that do not. Exit code 1 means that some do not.

    studio lora check neon --model dreamshaper

    studio lora check neon.safetensors --scrub neon-clean.safetensors

    Parameters
    ----------
    lora:
        A LoRA's name, or the path of its file.
    model:
        The model to compare with.
    scrub:
        Only write a copy to this path, without private metadata of its training.
    json_:
        Print JSON, with all names.
    """
    from studio.library import Library
    from studio.lora.library.check import LoraCheck

    library = Library.from_environment()
    path = library.loras.find(lora)
    if scrub:
        return _scrub(path, scrub)
    found = LoraCheck.of(path, library.models.find(model))
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
    say(f"wrote {out} without {', '.join(finding.what for finding in found) or 'changes: nothing was private'}")
    return 0


def _print(pairs: Iterable[tuple[str, str]]) -> None:
    before = ""
    for label, text in pairs:
        say(f"{label if label != before else '':12} {text}")
        before = label


def _write(content: Any) -> None:
    say(*json.dumps(content, indent=1).split("\n"))
