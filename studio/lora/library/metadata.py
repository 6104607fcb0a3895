"""Claims in a LoRA's own header: the keys of kohya's trainer (``ss_…``) and of ModelSpec (``modelspec.…``).

Sources: https://github.com/kohya-ss/sd-scripts (library/train_util.py) and
https://github.com/Stability-AI/ModelSpec (1.0.1).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from studio.files import strict_json
from studio.lora.library.claims import Claim, ClaimField, claims, one_line

MOST_TAGS: Final = 20

_KEYS: Final[tuple[tuple[ClaimField, str], ...]] = (
    ("title", "modelspec.title"),
    ("title", "ss_output_name"),
    ("base", "modelspec.architecture"),
    ("base", "ss_base_model_version"),
    ("trigger", "modelspec.trigger_phrase"),
    ("licence", "modelspec.license"),
    ("author", "modelspec.author"),
    ("description", "modelspec.description"),
    ("description", "modelspec.usage_hint"),
    ("description", "ss_training_comment"),
)


class Tag(NamedTuple):
    """A tag of the captions it was trained on, and the number of captions with it."""

    word: str
    times: int


def read_claims(metadata: Mapping[str, str]) -> Iterator[Claim]:
    """The claims in the metadata of a file."""
    for what, key in _KEYS:
        yield from claims(key, what, metadata.get(key))
    yield from claims("ss_sd_model_name", "base", file_name(metadata.get("ss_sd_model_name", "")))
    if metadata.get("ss_v2") == "True":
        yield Claim("base", "Stable Diffusion 2", "ss_v2")


def tags(metadata: Mapping[str, str]) -> tuple[Tag, ...]:
    """The most frequent tags of ``ss_tag_frequency``, over all its folders."""
    counted: Counter[str] = Counter()
    for folder in of_json(metadata, "ss_tag_frequency").values():
        for tag, times in folder.items() if isinstance(folder, dict) else ():
            if type(times) is int and times > 0:
                counted[one_line(tag)[:100]] += times
    return tuple(Tag(word, times) for word, times in counted.most_common(MOST_TAGS) if word)


def of_json(metadata: Mapping[str, str], key: str) -> dict[str, Any]:
    """A value that is a JSON object itself; empty where it is not."""
    try:
        content = strict_json.loads(metadata.get(key) or "{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def file_name(path: str) -> str:
    """The last part of a path of any operating system."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]
