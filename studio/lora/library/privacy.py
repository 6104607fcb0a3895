"""Private data in a LoRA's metadata, and copies of the file without it.

Trainers write folders, the captions' tags, paths and times of training into it. A copy keeps only what a licence, a
credit or another program's loader needs.
"""

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from studio.errors import InputError, OutputError
from studio.files.untrusted import open_file
from studio.lora.formats.peft_config import PeftConfig
from studio.lora.library.claims import one_line
from studio.lora.library.metadata import file_name, of_json
from studio.model_files.header import Header

_KOHYA: Final = (
    "base_model_version v2 sd_model_name sd_model_hash new_sd_model_hash output_name clip_skip network_module "
    "network_dim network_alpha network_args resolution"
)
_MODELSPEC: Final = (
    "sai_model_spec architecture implementation implementation_version title description author license trigger_phrase "
    "usage_hint tags merged_from hash_sha256 resolution prediction_type timestep_range encoder_layer "
    "is_negative_embedding unet_dtype vae_dtype"
)
_KEPT: Final = {
    *("format", "lora_adapter_metadata", "studio.made_from", "sshs_model_hash", "sshs_legacy_hash"),
    *(f"ss_{key}" for key in _KOHYA.split()),
    *(f"modelspec.{key}" for key in _MODELSPEC.split()),
}
_FEW: Final = 5
_LONG: Final = 80
_PLAIN: Final = (("session id", "ss_session_id"), ("comment", "ss_training_comment"))
_TIMES: Final = ("ss_training_started_at", "ss_training_finished_at", "modelspec.date")
_MACHINE: Final = re.compile(r"host|machine|user|e_?mail|gpu|ip_addr", re.IGNORECASE)
_ROOTS: Final = "home|Users|root|mnt|media|data|workspace|content|kaggle|tmp|opt|var|Volumes"
_PATH: Final = re.compile(
    r"(?P<private>((?<![A-Za-z])[A-Za-z]:[\\/]"  # of Windows
    r"|(?<![\w.])\\\\[\w.$-]+\\"  # of a server
    rf"|(?<![\w/\\.:])[\\/]{{1,4}}(?:{_ROOTS})[\\/])"
    r"[^\"'\r\n,;]+)"
)
_USER: Final = re.compile(r"[\\/](?:home|Users)[\\/]+(?P<private>[^\\/\"'\r\n]+)")


class PrivacyFinding(NamedTuple):
    """A piece of private data: what it is ("training folders"), and one line of it."""

    what: str
    text: str


def findings(metadata: Mapping[str, str]) -> list[PrivacyFinding]:
    """The private data in the metadata, which a scrubbed copy does not have."""
    paths = _in_all(_PATH, (metadata[key] for key in sorted(metadata)))
    found = [
        ("training folders", _folders(metadata)),
        ("tags", _tags(metadata)),
        ("paths", paths),
        ("user names", _in_all(_USER, paths)),
        *((what, [metadata[key]]) for what, key in _PLAIN if metadata.get(key)),
        ("times of training", [metadata[key] for key in _TIMES if key in metadata]),
        ("machine", [f"{key} {value}" for key, value in sorted(metadata.items()) if _MACHINE.search(key)]),
    ]
    return [PrivacyFinding(what, _few(texts)) for what, texts in found if texts]


def without_private(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata that a copy keeps: title, author, licence, base, trigger, and what loaders need.

    A path in one of these is shortened to its last part.
    """
    return {key: _PATH.sub(lambda path: file_name(path[0]), text) for key, text in metadata.items() if key in _KEPT}


def scrub(path: Path, out: Path) -> None:
    """Write a copy without the private metadata; everything after the header is the same, byte for byte.

    Raises InputError where ``out`` exists or is not the name of a safetensors file, OutputError where it cannot be
    written, ModelError for a damaged file.
    """
    header = Header.read(path)
    if PeftConfig.of(header).path != str(path):
        raise InputError(
            f"'{path}' needs the adapter_config.json beside it and has no private metadata; share both as they are"
        )
    if out.suffix != ".safetensors":
        raise InputError(f"'{out}' must be the name of a new file that ends in .safetensors")
    try:
        _write(header, out)
    except FileExistsError:
        raise InputError(f"'{out}' is there already; nothing was written: give another name") from None
    except OSError as error:
        raise OutputError(f"'{out}' cannot be written: {error.strerror or error}") from None


def _write(header: Header, out: Path) -> None:
    with out.open("xb") as copy, open_file(header.path) as source:
        try:
            source.seek(header.data)
            copy.write(header.with_metadata(without_private(header.metadata)))
            shutil.copyfileobj(source, copy, 2**20)
        except OSError:
            out.unlink()
            raise


def _folders(metadata: Mapping[str, str]) -> list[str]:
    keys = ("ss_dataset_dirs", "ss_reg_dataset_dirs", "ss_tag_frequency")
    return list(dict.fromkeys(folder for key in keys for folder in of_json(metadata, key)))


def _tags(metadata: Mapping[str, str]) -> list[str]:
    folders = of_json(metadata, "ss_tag_frequency").values()
    return list(dict.fromkeys(tag for folder in folders if isinstance(folder, dict) for tag in folder))


def _in_all(pattern: re.Pattern[str], texts: Iterable[str]) -> list[str]:
    found = (match for text in texts for match in pattern.finditer(text))
    return list(dict.fromkeys(_unescaped(match["private"]) for match in found))


def _unescaped(path: str) -> str:
    """A path that may be escaped as in JSON; the two backslashes at the beginning of a server's path stay."""
    return path[:1] + path[1:].replace("\\\\", "\\")


def _few(texts: list[str]) -> str:
    shown = [line if len(line) <= _LONG else f"{line[:_LONG]}…" for line in map(one_line, texts[:_FEW])]
    more = f" and {len(texts) - _FEW:,} more" if len(texts) > _FEW else ""
    return f"{', '.join(shown)}{more}"
