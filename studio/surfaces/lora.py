"""``studio lora``: the LoRAs that are here, what is known of them, whether they fit."""

import json
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from studio.models.loras.card import LoraCard

Flag = Annotated[bool, Parameter(negative="")]

app = App(name="lora", help="The LoRAs that are here: list, look at, check.")


@app.command(name="list")
def list_loras(*, json_: Annotated[Flag, Parameter(name="--json")] = False) -> None:
    """List the LoRAs that are here.

    Parameters
    ----------
    json_:
        Write JSON, a list of objects.
    """
    from studio.models.loras import shelf
    from studio.models.loras.about import line

    cards = shelf.cards()
    if json_:
        return _show([{"name": name, "path": str(card.path), "family": card.family} for name, card in cards.items()])
    for name, card in cards.items():
        print(f"{name:28} {line(card)}")
    for file in shelf.left_alone():
        print(f"left alone {file}: studio lora check says why")
    if not cards:
        print(f"there are none; put some into {shelf.own()}, or: studio models add FOLDER of A1111 or ComfyUI")


@app.command
def info(lora: str, *, json_: Annotated[Flag, Parameter(name="--json")] = False) -> None:
    """Say what is known of a LoRA, and where it was found: base, trigger words, weight, licence claims, hashes.

    Parameters
    ----------
    lora:
        A LoRA's name, or the path of its file.
    json_:
        Write JSON.
    """
    from studio.models.loras.about import about, data

    card = _card(lora)
    if json_:
        return _show(data(card))
    for what, how in about(card):
        print(f"{what:12} {how}")


def _card(ref: str) -> "LoraCard":
    from studio.models.loras import shelf
    from studio.models.loras.card import LoraCard

    return LoraCard.read(shelf.find(ref))


def _show(content: Any) -> None:
    print(json.dumps(content, indent=1, ensure_ascii=False))
