"""The folder of wildcards: text files with one option a line, YAML and JSON files with named lists.

    animals/dog.txt        is called "animals/dog"
    pantry.yaml            each list in it is named by the keys that lead to it, "artists/finnish"; within a folder
                           the folder's name comes first. A file that is a single list is called as the file

After the package ``dynamicprompts.wildcards`` of adieyal/dynamicprompts.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from studio.errors import InputError, reason
from studio.files import strict_json, strict_yaml
from studio.files.untrusted import is_file, named_in_text, read_file, resolved, walk_files
from studio.prompts.wildcards.syntax import Line, references, weighted, words

_MOST_LINES, _MOST_BYTES, _MOST_LISTS, _MOST_NODES = 10_000, 4 * 2**20, 100_000, 50_000
_STRUCTURED: Final = (".yaml", ".yml", ".json")
_GLOB: Final = frozenset("*?[")


def load(folder: Path, texts: Iterable[str]) -> dict[str, tuple[Line, ...]]:
    """The files that the texts refer to, and those that their lines refer to.

    Raises InputError for a name without a file, or where they have over 10,000 lines. Within <lora:…>, a name without a
    file is part of the LoRA's name.
    """
    found: dict[str, tuple[Line, ...]] = {}
    seen, wanted = set[str](), [reference for text in texts for reference in references(text)]
    while wanted:
        reference = wanted.pop()
        if reference.name in seen:
            continue
        seen.add(reference.name)
        lists = _lists(folder, reference.name)
        if not lists and not reference.in_lora:
            raise _missing(folder, reference.name)
        found = lists | found
        wanted += [other for lines in lists.values() for line in lines for other in references(words(line))]
        if sum(map(len, found.values())) > _MOST_LINES:
            raise InputError(
                f"the wildcards of this prompt hold over {_MOST_LINES:,} lines; shorten '{reference.name}.txt'"
            )
    return found


def matching(names: Collection[str], name: str) -> list[str]:
    """The names that a wildcard matches: the same name, else those that match its ``*``, else those in a folder."""
    if name in names:
        return [name]
    for pattern in (name, f"*/{name}"):
        if fitting := sorted(one for one in names if fnmatchcase(one, pattern)):
            return fitting
    return []


def _lists(folder: Path, name: str) -> dict[str, tuple[Line, ...]]:
    """The lists in the folder that match a name."""
    file = folder / f"{name}.txt"
    if not _GLOB & set(name) and _lies_in(folder, file):
        return {name: _lines(folder, file)}
    texts, lists = _texts(folder), dict[str, tuple[Line, ...]]()
    for file in _files(folder, _STRUCTURED):
        lists |= {called: lines for called, lines in _structured(folder, file) if called not in texts}
    names = matching([*texts, *lists], name)
    return {one: _lines(folder, texts[one]) if one in texts else lists[one] for one in names}


def _missing(folder: Path, name: str) -> InputError:
    known = sorted(_texts(folder))
    return InputError(
        f"there is no wildcard '{name}' (there are {', '.join(known[:20]) or 'none'}); put {name}.txt into the "
        f"folder that STUDIO_WILDCARDS names, or write \\__{name}__ for plain text"
    )


def _texts(folder: Path) -> dict[str, Path]:
    return {_called(folder, file): file for file in _files(folder, (".txt",))}


def _files(folder: Path, endings: Collection[str]) -> list[Path]:
    """The files in the folder and below with one of the endings, without hidden ones and links that lead out of it."""
    there = (file for file in walk_files(folder) if file.suffix.lower() in endings and named_in_text(file))
    return [file for file in there if _lies_in(folder, file)]


def _lies_in(folder: Path, file: Path) -> bool:
    if not is_file(file) or any(part.startswith(".") for part in file.relative_to(folder).parts):
        return False
    return resolved(file).is_relative_to(resolved(folder))


def _called(folder: Path, file: Path) -> str:
    return file.relative_to(folder).with_suffix("").as_posix()


def _read(folder: Path, file: Path) -> str:
    try:
        return read_file(file, _MOST_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        name = file.relative_to(folder).as_posix()
        raise InputError(
            f"the wildcard file '{name}' cannot be read ({reason(error)}); save it as UTF-8 text"
        ) from None


def _lines(folder: Path, file: Path) -> tuple[Line, ...]:
    lines = [line.strip() for line in _read(folder, file).splitlines()]
    if kept := tuple(line for line in lines if line and not line.startswith("#")):
        return kept
    name = _called(folder, file)
    raise InputError(f"the wildcard file '{name}.txt' has no options; add one, or remove __{name}__")


def _structured(folder: Path, file: Path) -> Iterator[tuple[str, tuple[Line, ...]]]:
    """The named lists in a YAML or JSON file. Raises InputError where it cannot be parsed."""
    text, name = _read(folder, file), file.relative_to(folder).as_posix()
    try:
        if file.suffix.lower() == ".json":
            content = strict_json.loads(text, _MOST_BYTES)
        else:
            content = strict_yaml.loads(text, _MOST_BYTES, _MOST_NODES, as_text=True)
    except ValueError as error:
        why = reason(error)[:200]
        raise InputError(f"the wildcard file '{name}' cannot be read ({why}); fix it, or remove it") from None
    before = () if file.parent == folder else (_called(folder, file.parent),)
    top = {file.stem: content} if isinstance(content, list) else content
    for n, (keys, options) in enumerate(_walk(top, before, 0)):
        if n > _MOST_LISTS:
            raise InputError(f"the wildcard file '{name}' holds over {_MOST_LISTS:,} lists; split it")
        if lines := tuple(line for line in map(_line, options) if line):
            yield "/".join(keys), lines


def _walk(content: Any, keys: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    if isinstance(content, Mapping) and depth < 50:
        for key, value in content.items():
            yield from _walk(value, (*keys, str(key)), depth + 1)
    elif isinstance(content, list):
        yield keys, content
    elif isinstance(content, str) and content.strip():
        yield keys, [content]


def _line(item: Any) -> Line | None:
    """An option of a list: text, with a weight before it or beside it; None for anything else."""
    if isinstance(item, Mapping):
        text, weight = item.get("text") or item.get("content"), str(item.get("weight", 1))
        return weighted(f"{weight}::{text}") if isinstance(text, str) else None
    if isinstance(item, str | int | float) and not isinstance(item, bool):
        return weighted(" ".join(str(item).split()))
    return None
