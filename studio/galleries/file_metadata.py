"""Reads what a file says about its picture, whatever it contains."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from studio.errors import StudioError
from studio.galleries import perceptual_hash
from studio.galleries.entry import UsedAsset
from studio.images.image_file import open_image
from studio.imports import formats
from studio.model_files.hashes import read_digest
from studio.pictures import fast_record
from studio.pictures.picture import recorded

_WORDS, _NAME, _MOST = 20_000, 300, 100  # letters of a prompt and of a name; models and LoRAs of a picture
_SEEDS: Final = 2**63


class ParentPicture(NamedTuple):
    """A start picture of another, by its SHA-256, and the input that it was given for."""

    id: str
    input: str


@dataclass(frozen=True)
class FileMetadata:
    """The content of a file; ``made`` is in microseconds since 1970, None if the file does not say."""

    id: str
    size: tuple[int, int]
    file_size: int
    perceptual_hash: bytes
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
    """The file's metadata, or in one line why it cannot be read."""
    try:
        image = open_image(path)  # first, as it refuses files that would take forever to hash
        digest = read_digest(path)
        found = FileMetadata(digest, image.size, path.stat().st_size, perceptual_hash.of(image))
        return _from_record(found, record) if (record := recorded(image)) else _from_other_tools(found, path)
    except (StudioError, OSError, ValueError) as error:
        return " ".join(str(error).split())


def _from_other_tools(found: FileMetadata, path: Path) -> FileMetadata:
    """With the settings of another tool in the file, and the tool's name as title; unreadable ones are ignored."""
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


def _from_record(found: FileMetadata, record: Mapping[str, Any]) -> FileMetadata:
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
    """Text that can be stored: no NUL, no lone surrogates, at most ``most`` letters."""
    text = value[:most] if isinstance(value, str) else ""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _seed(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _SEEDS else None


def _time(value: Any) -> int | None:
    """An ISO 8601 time from the year 1 to 9999 in UTC, as microseconds since 1970."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
        return round(time.astimezone(UTC).timestamp() * 1e6) if time and time.tzinfo else None
    except (ValueError, OverflowError):
        return None
