"""Where LoRAs lie: those that came with the studio, the folder of parts, and the folders of other programs.

Files are read in place. A LoRA's name is what leads to it within such a folder, without the ending: "people/anna".
Where two would have one name, both have a longer one that tells them apart: "Lora/anna" and "loras/anna".

Looking into hundreds of files takes a while, so what was seen of them is kept in ``loras.json`` in the state folder.
It is only a memory: damaged or lost, it is made anew.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from studio.config import shipped
from studio.errors import InputError
from studio.files.untrusted import is_file, is_folder, named_in_text, walk_files
from studio.lora.library import card_cache
from studio.lora.library.card import LoraCard
from studio.model_files.hash_cache import HashCache
from studio.models.folder import PICKLES
from studio.models.registry import RegistryFile
from studio.plugins import unknown

_WITHIN: Final = ("models/Lora", "models/LyCORIS", "models/loras")  # A1111, Forge, SD.Next; ComfyUI
_ENDING: Final = ".safetensors"


@dataclass(frozen=True)
class Shelf:
    """The cards of the LoRAs that are here by name; and what lies in folders made for LoRAs but is left alone: it is
    none, is damaged, is pickled, so that reading it could run code, or has a name that is no text.
    """

    cards: dict[str, LoraCard]
    left_alone: list[Path]


@dataclass(frozen=True)
class LoraIndex:
    """The LoRAs by name, looked for anew at each call.

    ``folder`` is for those that belong to no other program, ``registry`` knows the folders of other programs, and
    ``cache`` is the file of what was seen.
    """

    folder: Path
    registry: RegistryFile
    cache: Path
    hash_cache: HashCache

    def shelf(self) -> Shelf:
        """As the folders are now."""
        within = self._within()
        lying = _by_name(within)
        known = card_cache.cards(lying.values(), self.cache)
        cards = {name: replace(card, name=name) for name, file in lying.items() if (card := known[file])}
        strange = [file for file, place in within.items() if known.get(file) is None and _is_strange(file, place)]
        return Shelf(cards, strange)

    def cards(self) -> dict[str, LoraCard]:
        """The cards of the LoRAs that are here, by name."""
        return self.shelf().cards

    def names(self) -> list[str]:
        """The LoRAs that are here, as ``find`` knows them."""
        return list(self.cards())

    def lying_in(self, folder: Path) -> set[Path]:
        """The LoRAs in the folder of another program, whether it was added or not."""
        every = (file for place in _places_of(folder) for file in walk_files(place))
        files = (file for file in every if file.suffix == _ENDING and named_in_text(file))
        return {file for file, card in card_cache.cards(files, self.cache).items() if card}

    def find(self, ref: str) -> Path:
        """The file of the LoRA ``ref``: its name, the end of its name ("anna"), or a path.

        Raises InputError where there is none, or several names end so.
        """
        asked = ref.removesuffix(_ENDING)
        every = self.files()
        found = [one for one in every if one == asked] or [one for one in every if f"/{one}".endswith(f"/{asked}")]
        if len(found) > 1:
            raise InputError(f"'{ref}' may be any of {len(found)} LoRAs; say which: {', '.join(found)}")
        path = every[found[0]] if found else Path(ref).expanduser()
        if not is_file(path):
            whole = next((name for name in every if "," in name and asked in map(str.strip, name.split(","))), "")
            how = f'; for the LoRA called "{whole}" write the quotation marks too' if whole else ""
            raise InputError(f"{unknown('LoRA', ref, self.names())} (or give the path of one){how}")
        return path

    def files(self) -> dict[str, Path]:
        """The safetensors files in all those folders by name, LoRAs or not."""
        return _by_name(self._within())

    def _within(self) -> dict[Path, Path]:
        """Each file that may hold weights, and the folder that it is named within."""
        endings = {_ENDING, *PICKLES}
        every = ((file, place) for place in self._places() for file in walk_files(place))
        return {file: place for file, place in every if file.suffix.lower() in endings}

    def _places(self) -> Iterator[Path]:
        yield shipped("assets") / "loras"
        yield self.folder
        for folder in self.registry.read().folders:
            yield from _places_of(folder)


def _by_name(within: dict[Path, Path]) -> dict[str, Path]:
    whole = {file: place for file, place in within.items() if file.suffix == _ENDING and named_in_text(file)}
    return dict(_named({file: len(file.parts) - len(place.parts) for file, place in whole.items()}))


def _named(lengths: dict[Path, int]) -> Iterator[tuple[str, Path]]:
    """Each file by as many of the last parts of its path as it needs to be told from all others."""
    while True:
        called = {file: "/".join(file.with_suffix("").parts[-length:]) for file, length in lengths.items()}
        times = Counter(called.values())
        if not (clash := [file for file, name in called.items() if times[name] > 1]):
            return ((name, file) for file, name in called.items())
        lengths |= {file: lengths[file] + 1 for file in clash}


def _places_of(folder: Path) -> list[Path]:
    """Where the LoRAs lie in the folder of another program; the folder itself where it is none."""
    within = [folder / place for place in _WITHIN if is_folder(folder / place)]
    return within if within or is_folder(folder / "models") else [folder]


def _is_strange(file: Path, place: Path) -> bool:
    """Whether a file that is used as no LoRA may have been meant as one."""
    return place.parts[-2:] in {Path(ending).parts for ending in _WITHIN} or not named_in_text(file)
