"""The pictures and captions to learn from. All that cannot be used are named before anything starts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studio.errors import InputError, reason
from studio.files import strict_json
from studio.files.untrusted import exists, is_folder, named_in_text, read_file
from studio.images.image_file import ENDINGS, open_image
from studio.images.transparency import on_ground
from studio.model_files.hashes import read_digest

if TYPE_CHECKING:
    from PIL.Image import Image

_LEAST: Final = 64
_TABLE: Final = "metadata.jsonl"
_LARGEST_CAPTION, _LARGEST_TABLE = 2**20, 16 * 2**20
_WORDS: Final = ("text", "caption", "prompt")


@dataclass(frozen=True)
class Example:
    """A picture file, its caption, its SHA-256, and its size after EXIF rotation."""

    path: Path
    caption: str
    sha256: str
    size: tuple[int, int]

    def picture(self) -> "Image":
        """The picture in RGB, rotated by its EXIF data, with transparency on white."""
        return on_ground(open_image(self.path))


def examples(folder: Path, caption: str = "", least: int = 0) -> tuple[Example, ...]:
    """Every picture in a folder, in the order of their names.

    A caption is in a ``.txt`` of the picture's name, or in ``metadata.jsonl`` (lines with ``file_name`` and ``text``,
    as the library *datasets* reads them); ``caption`` is for pictures that have none. Raises InputError if there are no
    pictures, or one of them is damaged, over 64 million pixels, less than ``least`` (or 64) pixels on a side, the same
    as another, or without a caption: ``wrong`` names all of them, file by file.
    """
    files = _pictures(folder)
    captions = _captions(folder, files)
    read, wrong = _read(files, captions, caption, max(_LEAST, least))
    wrong |= {name: "is named in metadata.jsonl and does not exist" for name in captions if not exists(folder / name)}
    if wrong:
        listed = "; ".join(f"{name} {problem}" for name, problem in wrong.items())
        raise InputError(f"{len(wrong)} of {len(files)} pictures cannot be learned from: {listed}", wrong)
    return tuple(read)


def _pictures(folder: Path) -> list[Path]:
    if not is_folder(folder):
        raise InputError(f"there is no folder '{folder}'; give one with pictures in it")
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in ENDINGS and file.name[0] != ".")
    if not all(map(named_in_text, files)):
        raise InputError(f"the name of a picture in '{folder}' holds letters of no known alphabet; rename it")
    if not files:
        raise InputError(f"there are no pictures in '{folder}'; put some there, PNG, JPEG or WebP")
    return files


def _captions(folder: Path, files: list[Path]) -> dict[str, str]:
    """The caption of each file by its name; a text file beside a picture takes precedence over the table."""
    texts = {file.name: file.with_suffix(".txt") for file in files}
    beside = {name: _words(text) for name, text in texts.items() if exists(text)}
    return _table(folder / _TABLE) | beside


def _words(file: Path) -> str:
    try:
        return " ".join(read_file(file, _LARGEST_CAPTION).decode("utf-8-sig").split())
    except UnicodeDecodeError:
        raise InputError(f"'{file}' is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"'{file}' cannot be read: {reason(error)}") from None


def _table(file: Path) -> dict[str, str]:
    if not exists(file):
        return {}
    try:
        text = read_file(file, _LARGEST_TABLE).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"'{file}' cannot be read: {reason(error)}") from None
    return dict(_row(file, n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip())


def _row(file: Path, n: int, line: str) -> tuple[str, str]:
    try:
        row = strict_json.loads(line)
        return str(row["file_name"]), " ".join(next(row[key] for key in _WORDS if key in row).split())
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
        raise InputError(
            f'line {n} of \'{file}\' is not a caption; write {{"file_name": "a.png", "text": "what it shows"}}'
        ) from None


def _read(
    files: list[Path], captions: Mapping[str, str], caption: str, least: int
) -> tuple[list[Example], dict[str, str]]:
    """The usable pictures, and what is wrong with each of the others."""
    good: list[Example] = []
    wrong: dict[str, str] = {}
    seen: dict[str, str] = {}
    for file in files:
        words = captions.get(file.name) or " ".join(caption.split())
        try:
            example = _example(file, words)
        except InputError as error:
            wrong[file.name] = str(error).removeprefix(f"'{file}' ")
            continue
        if problems := list(_problems(example, seen, least)):
            wrong[file.name] = " and ".join(problems)
        good.append(example)
    return good, wrong


def _example(file: Path, words: str) -> Example:
    image = on_ground(open_image(file))
    return Example(file, words, read_digest(file), image.size)


def _problems(example: Example, seen: dict[str, str], least: int) -> Iterator[str]:
    """What is wrong with a picture that can be read; ``seen`` has the names of pictures so far by their pixels."""
    twin = seen.setdefault(_pixels(example), example.path.name)
    if twin != example.path.name:
        yield f"is the same picture as {twin}"
    if min(example.size) < least:
        width, height = example.size
        yield f"has only {width}x{height} pixels; {least} on each side is the minimum"
    if not example.caption:
        yield "has no caption: write one beside it in a .txt, or give one for all"


def _pixels(example: Example) -> str:
    """A hash of a picture's pixels, independent of its file's format."""
    import hashlib

    image = example.picture()
    return hashlib.sha256(repr(image.size).encode() + image.tobytes()).hexdigest()
