"""What a single weight file does not have: configurations and vocabulary, in the layout of diffusers.

For most families they come with the studio, one JSON file each in ``assets/bases``: the configuration of every
component, and under "variants" the differences of each. For other families a diffusers folder is the base.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from studio.config import shipped
from studio.families import Family
from studio.files.untrusted import is_file, is_folder
from studio.model_files.configuration import read_json
from studio.models import folder
from studio.models.separate import ENCODER, FLAGS, VAE, Configs

PREDICTIONS: Final[dict[str, dict[str, Any]]] = {
    "epsilon": {"prediction_type": "epsilon"},
    "v": {"prediction_type": "v_prediction"},
    "v, zero terminal SNR": {
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
        "timestep_spacing": "trailing",
    },
    "flow": {},
}
"""The scheduler's configuration for each kind of prediction."""

_FILES: Final = {"scheduler": "scheduler_config.json", "tokenizer": "tokenizer_config.json"}


def wanted(name: str, path: Path, family: Family, lacks: Sequence[str]) -> str:
    """A message on what to get for a single file that cannot be loaded by itself; ``lacks`` as a card's."""
    if not lacks:
        return (
            f"the model '{name}' comes without the settings of {family.title}: configurations, tokenizers and "
            f"scheduler; take them from a diffusers folder of it{such_as(family)}, which needs no weights: "
            f"studio models add '{path}' --base FOLDER"
        )
    return (
        f"the model '{name}' has no {' and no '.join(lacks)}; take the rest, with tokenizers and scheduler, from a "
        f"diffusers folder of {family.title}{such_as(family)}: "
        f"studio models add '{path}' --base FOLDER{_in_files(family, lacks)}"
    )


def _in_files(family: Family, lacks: Sequence[str]) -> str:
    """The options for components in separate files."""
    flags = " ".join(f"{FLAGS[VAE if part == VAE else ENCODER]} FILE" for part in lacks)
    if reads_whole(family):
        return f"; or give ComfyUI's files in place of --base: {flags}"
    return f"; FOLDER needs no weights if ComfyUI's files are given too: {flags}"


def such_as(family: Family) -> str:
    """A public repository with such a folder, and which part is not needed; "" where none is known."""
    denoiser = "unet" if reads_whole(family) else "transformer"
    return f", such as {family.source} on the Hub (all except its {denoiser})" if family.source else ""


def reads_whole(family: Family) -> bool:
    """Whether diffusers loads single files of the family, for which the studio then has a base."""
    return is_file(own_base(family.name))


def own_base(family: str) -> Path:
    """The base that comes with the studio for a family; it may not exist."""
    return shipped("assets") / "bases" / f"{family}.json"


def configurations(base: Path, variant: str) -> dict[str, Any]:
    """Component → configuration, and "model_index", from a base that comes with the studio."""
    content = json.loads(base.read_text("utf-8"))
    differences = content.pop("variants").get(variant, {})
    return {name: config | differences.get(name, {}) for name, config in content.items()}


def components(base: Path, variant: str) -> Configs:
    """Component → configuration, from a base of the studio or a folder, without tokenizers and scheduler."""
    if not is_folder(base):
        every = configurations(base, variant)
        there = [name for name, value in every["model_index"].items() if isinstance(value, list) and value[1]]
        return {name: every[name] for name in there if name in every and name not in _FILES}
    files = {name: base / name / "config.json" for name in folder.components(base)}
    return {name: read_json(file) for name, file in files.items() if is_file(file)}


def scheduler(base: Path) -> str:
    """The scheduler's class in a base, a file or a folder, without the suffix "Scheduler"."""
    whole = is_folder(base)
    config = read_json(base / "scheduler" / _FILES["scheduler"]) if whole else configurations(base, "")["scheduler"]
    return str(config.get("_class_name", "unknown")).removesuffix("Scheduler")


def lay_out(base: Path, variant: str, out: Path) -> None:
    """Write everything except the weights of a model into a folder, from a base that comes with the studio."""
    for name, config in configurations(base, variant).items():
        if name == "model_index":
            _write(out / "model_index.json", config)
        else:
            _write(out / name / _FILES.get(name.removesuffix("_2"), "config.json"), config)
        if config.get("tokenizer_class") == "CLIPTokenizer":
            _write_clip_vocabulary(out / name)


def _write(file: Path, config: dict[str, Any]) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(config), "utf-8")


def _write_clip_vocabulary(out: Path) -> None:
    """CLIP's vocabulary follows from its merges: 256 bytes, those at a word's end, the merges, two special tokens."""
    source = shipped("assets") / "bases" / "clip" / "merges.txt"
    merges = source.read_text("utf-8").splitlines()
    letters = _byte_letters()
    words = [*letters, *(f"{letter}</w>" for letter in letters), *(merge.replace(" ", "") for merge in merges)]
    vocabulary = {word: n for n, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    _write(out / "vocab.json", vocabulary)
    (out / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), "utf-8")


def _byte_letters() -> list[str]:
    """A character for each byte, as in byte-level BPE: printable ones first, as themselves, then from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(byte) for byte in printable] + [chr(256 + n) for n in range(256 - len(printable))]
