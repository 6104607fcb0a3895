"""Captions as a person might write them: the same ground truth in many wordings."""

import re
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Final

from studio.tools.spark.labels import Truth, choose
from studio.tools.spark.shapes import plural

_COUNTS: Final = {
    1: ("a", "a", "a", "one", "a single", ""),
    2: ("two", "two", "2", "a pair of"),
    3: ("three", "three", "3"),
    4: ("four", "four", "4"),
}
_ICON_ENDINGS: Final = ("",) * 9 + (
    ", flat icon",
    ", icon",
    ", flat design",
    ", vector",
    ", minimal",
    ", simple",
    ", logo",
)
_NOUNS: Final = {"cup": ("cup", "coffee cup")}
_PLACES: Final = {
    "centre": ("", "", "", "", " in the centre", " in the center", ", centered"),
    "left": (" on the left", " to the left", ", left"),
    "right": (" on the right", " to the right", ", right"),
    "top": (" at the top", " on top", ", top"),
    "bottom": (" at the bottom", " on the bottom", ", bottom"),
}
_STYLES: Final = {
    "solid": ("",) * 8 + ("solid", "filled"),
    "outlined": ("outlined", "outline", "outlined"),
    "striped": ("striped",),
    "shadowed": ("",),
}
_SHADOWS: Final = (" with a soft shadow", ", soft shadow", " with a shadow")
_SIZE_OMITTED: Final = 0.15  # share of small and large icons whose caption leaves the size open
_SIZES: Final = {"small": ("small", "small", "tiny", "little"), "medium": ("",), "large": ("large", "large", "big")}
_BACKGROUNDS: Final = (
    " on {}",
    " on a {} background",
    " on {} background",
    ", {} background",
    " against a {} background",
    " on a {} ground",
)
_THEMES: Final = {"black": (", dark theme", " on dark"), "white": (", light theme", " on light")}
_PATTERNS: Final[dict[str, tuple[str, ...]]] = {
    "polka dots": ("polka dots", "polka dot pattern", "dots"),
    "horizontal stripes": ("horizontal stripes", "horizontal stripes pattern"),
    "vertical stripes": ("vertical stripes", "vertical stripes pattern"),
    "diagonal stripes": ("diagonal stripes", "diagonal stripes pattern"),
    "checkerboard": ("checkerboard", "checkerboard pattern", "checks"),
    "zigzag": ("zigzag", "zigzag pattern", "chevrons"),
    "waves": ("waves", "wave pattern", "wavy lines"),
    "terrazzo": ("terrazzo", "terrazzo pattern"),
    "grid": ("grid", "grid pattern", "grid lines"),
    "triangles": ("triangle pattern", "pattern of triangles"),
}
_DIRECTIONS: Final[dict[str, tuple[str, ...]]] = {
    "top to bottom": (", top to bottom", " from top to bottom", ", vertical"),
    "left to right": (", left to right", " from left to right", ", horizontal"),
    "diagonal": (", diagonal", ", diagonally"),
}
_SCENES: Final[dict[str, tuple[str, ...]]] = {
    "sunset over hills": ("sunset over hills", "a sunset over the hills", "hills at sunset"),
    "night sky with moon and stars": (
        "night sky with moon and stars",
        "a night sky with the moon and stars",
        "moon and stars at night",
        "starry night",
    ),
    "sea with sun": ("sea with sun", "the sun over the sea", "the sea and the sun", "ocean with sun"),
    "city skyline": ("city skyline", "a city skyline", "skyline of a city", "a skyline with buildings"),
    "mountains with snow": ("mountains with snow", "snowy mountains", "mountains with snow on top"),
    "tree on a meadow": ("tree on a meadow", "a tree on a green meadow", "a lonely tree on a meadow"),
}
_SCENE_ENDINGS: Final = (
    "",
    "",
    "",
    ", flat illustration",
    ", illustration",
    ", flat design",
    ", landscape",
    ", minimal",
)


def caption(truth: Truth, rng: Random) -> str:
    """One wording of ``truth``, lower case, without a full stop."""
    words = " ".join(_WRITERS[truth.kind](truth, rng).split())
    return re.sub(r"\ba (?=[aeiou])", "an ", words)


def _icon(truth: Truth, rng: Random) -> str:
    write = _tags if rng.random() < 0.2 else _phrase
    return write(truth, rng) + rng.choice(_ICON_ENDINGS)


def _phrase(truth: Truth, rng: Random) -> str:
    if truth.second:
        return _two_things(truth, rng) + _ground(truth, rng)
    words = [rng.choice(choices) for choices in (_COUNTS[truth.count], _sizes(truth, rng), _STYLES[truth.style])]
    parts = [rng.choice(_PLACES[truth.place]), _ground(truth, rng)]
    if rng.random() < 0.3:
        parts.reverse()
    shadow = rng.choice(_SHADOWS) if truth.style == "shadowed" else ""
    return _words(*words, truth.colour, _noun(truth, rng)) + shadow + "".join(parts)


def _two_things(truth: Truth, rng: Random) -> str:
    """ "a red star and a red moon", "red star and moon", "a star and a moon, red"."""
    one, other = _noun(replace(truth, count=1), rng), _noun(replace(truth, subject=truth.second, count=1), rng)
    look = _words(rng.choice(_STYLES[truth.style]), truth.colour)
    both = f"{truth.colour} outlines" if truth.style == "outlined" else truth.colour
    return rng.choice(
        (f"a {look} {one} and a {look} {other}", f"{look} {one} and {other}", f"a {one} and a {other}, {both}")
    )


def _ground(truth: Truth, rng: Random) -> str:
    themes = _THEMES.get(truth.background, ())
    return rng.choice(themes) if themes and rng.random() < 0.15 else rng.choice(_BACKGROUNDS).format(truth.background)


def _sizes(truth: Truth, rng: Random) -> tuple[str, ...]:
    return ("",) if rng.random() < _SIZE_OMITTED else _SIZES[truth.size]


def _tags(truth: Truth, rng: Random) -> str:
    """A list of tags, as for other models: "star, blue, white background"."""
    count = rng.choice(_COUNTS[truth.count]) if truth.count > 1 else ""
    tags = [_words(count, _noun(truth, rng)), truth.colour, f"{truth.background} background"]
    if rng.random() < 0.5:
        tags[:2] = [_words(count, truth.colour, _noun(truth, rng))]
    if truth.second:
        tags[:-1] = [_two_things(truth, rng)]
        return ", ".join(tags)
    tags += [rng.choice(extra) for extra in (_sizes(truth, rng), _STYLES[truth.style]) if extra[0]]
    tags += ["soft shadow"] if truth.style == "shadowed" else []
    tags += [truth.place] if truth.place != "centre" else []
    return ", ".join(tag for tag in tags if tag)


def _pattern(truth: Truth, rng: Random) -> str:
    name, ink, ground = rng.choice(_PATTERNS[truth.subject]), truth.colour, truth.background
    wordings = (
        f"{ink} {name} on {ground}",
        f"{ink} {name} on a {ground} background",
        f"{name}, {ink} on {ground}",
        f"{name}, {ink} and {ground}",
        f"{ink} and {ground} {name}",
    )
    return rng.choice(wordings) + rng.choice(("", "", "", ", seamless pattern", ", pattern", ", flat"))


def _gradient(truth: Truth, rng: Random) -> str:
    start, end = truth.colour, truth.background
    if truth.subject == "radial":
        return rng.choice(
            (
                f"radial gradient from {start} to {end}",
                f"{start} to {end} radial gradient",
                f"radial gradient, {start} in the centre, {end} outside",
            )
        )
    way = rng.choice(_DIRECTIONS[truth.subject])
    return (
        rng.choice(
            (f"gradient from {start} to {end}", f"{start} to {end} gradient", f"linear gradient from {start} to {end}")
        )
        + way
    )


def _scene(truth: Truth, rng: Random) -> str:
    return rng.choice(_SCENES[truth.subject]) + rng.choice(_SCENE_ENDINGS)


def _noun(truth: Truth, rng: Random) -> str:
    noun = rng.choice(_NOUNS.get(truth.subject, (truth.subject,)))
    return noun if truth.count == 1 else plural(noun)


def _words(*words: str) -> str:
    return " ".join(word for word in words if word)


def words() -> Sequence[str]:
    """Every word that a caption can have, for the model card."""
    rng = Random(0)
    seen = {word for _ in range(20_000) for word in caption(choose(rng), rng).replace(",", " ").split()}
    return sorted(seen)


_WRITERS: Final = {"icon": _icon, "pattern": _pattern, "gradient": _gradient, "scene": _scene}
