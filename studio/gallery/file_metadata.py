"""What a file says of the picture in it, read so that nothing it says can do harm."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from studio.errors import StudioError
from studio.gallery import perceptual_hash
from studio.gallery.entry import UsedAsset
from studio.images.image_file import open_image
from studio.imports import formats
from studio.model_files.hashes import read_digest
from studio.pictures import fast_record
from studio.pictures.picture import recorded

_WORDS, _NAME, _MOST = 20_000, 300, 100  # letters of a prompt and of a name, models and LoRAs of a picture
_SEEDS: Final = 2**63


class ParentPicture(NamedTuple):
    """A picture that another was begun with, by its SHA-256, and the input it was."""

    id: str
    input: str


@dataclass(frozen=True)
class FileMetadata:
    """What a file holds; ``made`` is in microseconds since 1970, None where the file does not say it."""

    id: str
    size: tuple[int, int]
    file_size: int
    looks: bytes
    recorded: bool = False
    made: int | None = None
    workflow: str = ""
    title: str = ""
    prompt: str = ""
    negative: str = ""
    seed: int | None = None
    uses: tuple[UsedAsset, ...] = ()
    parents: tuple[ParentPicture, ...] = ()


def read(path: Path) -> FileMetadata | str:
    """What the file holds, or why it cannot be read, in one line."""
    try:
        image = open_image(path)  # first, as it refuses what would take for ever to hash
        digest = read_digest(path)
        found = FileMetadata(digest, image.size, path.stat().st_size, perceptual_hash.of(image))
        return _ours(found, record) if (record := recorded(image)) else _of_others(found, path)
    except (StudioError, OSError, ValueError) as error:
        return " ".join(str(error).split())


def _of_others(found: FileMetadata, path: Path) -> FileMetadata:
    """With what another tool says in the file, whose name is the title; what cannot be read says nothing."""
    try:
        settings = formats.read(path)
    except (StudioError, OSError, ValueError):
        return found
    if settings is None:
        return found
    values, assets = settings.values, settings.assets[:_MOST]
    return replace(
        found,
        title=settings.tool,
        prompt=_text(values.get("prompt"), _WORDS),
        negative=_text(values.get("negative_prompt"), _WORDS),
        seed=_seed(values.get("seed")),
        uses=tuple(UsedAsset("model" if one.kind == "model" else "lora", _text(one.name, _NAME)) for one in assets
                   if one.kind in ("model", "lora")),
    )  # fmt: skip


def _ours(found: FileMetadata, record: Mapping[str, Any]) -> FileMetadata:
    job = _table(record["job"])
    values, definition = _table(job.get("values")), _table(job.get("definition"))
    return replace(
        found,
        recorded=True,
        made=_time(record.get("made")),
        workflow=_text(job.get("workflow"), _NAME),
        title=_text(definition.get("title"), _NAME),
        prompt=_text(record.get("prompt"), _WORDS) or _text(values.get("prompt"), _WORDS),
        negative=_text(values.get("negative_prompt"), _WORDS),
        seed=_seed(job.get("seed")),
        uses=(*_uses("model", record), *_uses("lora", record)),
        parents=tuple(_parents(_table(job.get("pins")))),
    )


def _uses(kind: Literal["model", "lora"], record: Mapping[str, Any]) -> Iterator[UsedAsset]:
    for name, about in list(_table(record.get(f"{kind}s")).items())[:_MOST]:
        yield UsedAsset(kind, _text(name, _NAME), _text(fast_record.licence(_table(about).get("licence")), _WORDS))


def _parents(pins: Mapping[str, Any]) -> Iterator[ParentPicture]:
    for name, digest in list(pins.items())[: 10 * _MOST]:
        kind, _, which = name.partition(":")
        if kind == "picture" and isinstance(digest, str) and len(digest) == 64:
            yield ParentPicture(_text(digest, 64), _text(which, _NAME))


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any, most: int) -> str:
    """The text that can be kept: no NUL, no half of a letter, no longer than ``most``."""
    text = value[:most] if isinstance(value, str) else ""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _seed(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _SEEDS else None


def _time(value: Any) -> int | None:
    """Microseconds since 1970 of a time as ISO 8601 writes it, from the year 1 to 9999 in UTC."""
    try:
        told = datetime.fromisoformat(value) if isinstance(value, str) else None
        return round(told.astimezone(UTC).timestamp() * 1e6) if told and told.tzinfo else None
    except (ValueError, OverflowError):
        return None
