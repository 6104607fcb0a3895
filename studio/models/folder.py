"""Models in diffusers' folder layout: their configurations and model cards, and checks of untrusted content."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

from studio.errors import ModelError
from studio.families import DiffusersConfigs, Family
from studio.families.base import registry
from studio.files import strict_json, strict_yaml
from studio.files.untrusted import is_file, is_folder, open_file, read_file
from studio.model_files.configuration import LARGEST, read_json, settings
from studio.model_files.hashes import Stamp
from studio.model_files.header import Header
from studio.parameters.types import Size

PICKLES: Final = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"})
"""Suffixes of formats that can run code when they are loaded."""

_LONGEST_HEAD: Final = 2**15  # bytes of a card that are read; parsing YAML is slow
_RUNS_CODE: Final = frozenset({"auto_map", "custom_pipeline", "custom_pipelines", "trust_remote_code"})
_INDEX: Final = ".index.json"
_SHARD: Final = re.compile(r"-\d{5}-of-\d{5}")
_BEST_FIRST: Final = ("", "fp32", "bf16", "fp16")
_WORDS: Final = frozenset({"tokenizer.json", "vocab.json"})


def read(path: Path) -> DiffusersConfigs:
    """The configurations in a folder; raises ModelError where they cannot be read."""
    configs = (*path.glob("*/config.json"), *path.glob("*/scheduler_config.json"))
    components = {file.parent.name: read_json(file) for file in configs}
    return DiffusersConfigs(read_json(path / "model_index.json"), components)


def family(path: Path, configs: DiffusersConfigs) -> tuple[Family, str]:
    """The family of a folder's model, for its variant, and the variant; raises ModelError where it is unknown."""
    families = registry.installed().values()
    for family in families:
        if (variant := family.detection.variant_of(configs)) is not None:
            return family.of(variant), variant
    known = ", ".join(family.title for family in families)
    raise ModelError(f"the model in '{path}' is a {configs.pipeline_class}, which is not supported; supported: {known}")


def size(configs: DiffusersConfigs) -> Size | None:
    """Native size: the edge of a U-Net's latents times eight; transformers have no such setting."""
    edge = configs.get("unet", "sample_size")
    return Size(8 * edge, 8 * edge) if isinstance(edge, int) else None


def prediction(configs: DiffusersConfigs) -> str:
    """What the denoiser predicts, as in ``Weights``, by its scheduler's configuration."""
    predicted = str(configs.get("scheduler", "prediction_type") or "epsilon")
    if "FlowMatch" in str(configs.get("scheduler", "_class_name")) or predicted == "flow_prediction":
        return "flow"
    if predicted != "v_prediction":
        return predicted
    return "v, zero terminal SNR" if configs.get("scheduler", "rescale_betas_zero_snr") else "v"


class FrontMatter(NamedTuple):
    """The front matter of a model card; ``problem`` says why it could not be read, "" where it could."""

    values: Mapping[str, Any]
    problem: str = ""


def front_matter(path: Path) -> FrontMatter:
    """The front matter of the model card in a folder; empty if there is none.

    Besides the Hub's keys ("license") the studio reads ``steps`` and ``guidance``.
    """
    card = path / "README.md"
    try:
        return _front_matter(card, Stamp.of(card)) if is_file(card) else FrontMatter({})
    except OSError as error:
        return FrontMatter({}, f"{card.name} cannot be read: {error.strerror or error}")


@lru_cache(maxsize=1024)
def _front_matter(card: Path, _stamp: Stamp) -> FrontMatter:
    with open_file(card) as file:
        text = file.read(_LONGEST_HEAD).decode(errors="replace")
    found = re.match(r"---\r?\n(.*?)\n---\s", text, re.DOTALL)
    try:
        values = strict_yaml.loads(found[1]) if found else None
    except ValueError as error:
        return FrontMatter({}, f"the front matter of {card.name} cannot be read and is ignored: {error}")
    return FrontMatter(values if isinstance(values, dict) else {})


def components(path: Path) -> dict[str, tuple[str, str]]:
    """The components of the model by name: library and class of each that it has.

    Raises ModelError for a name that cannot be a folder's.
    """
    index = read_json(path / "model_index.json")
    if strange := next((name for name in index if not name.isidentifier()), None):
        raise ModelError(
            f"'{path / 'model_index.json'}' names a part '{strange[:80]}', which is not a valid name; get it again"
        )
    pairs = ((name, value) for name, value in index.items() if isinstance(value, list) and len(value) == 2)
    return {name: (str(library), str(kind)) for name, (library, kind) in pairs if library and kind}


def precision(name: str) -> str:
    """The variant in the name of weights or their index ("model.fp16.safetensors"), "" where there is none."""
    found = re.search(r"\.(\w+)\.safetensors$|\.safetensors\.index\.(\w+)\.json$", _SHARD.sub("", name))
    return (found[1] or found[2]) if found else ""


def best(names: Iterable[str]) -> str:
    """The best variant among the weights of a component: "" for those without one, if there are any."""
    found = {precision(name) for name in names if name.endswith(".safetensors")} or {""}
    return next((each for each in _BEST_FIRST if each in found), min(found))


def weight_files(part: Path) -> list[Path]:
    """The weight files of a component that are loaded."""
    files = sorted(part.glob("*.safetensors"))
    wanted = best(file.name for file in files)
    return [file for file in files if precision(file.name) == wanted]


def variant(part: Path) -> str | None:
    """The variant of a component's weights, None if there are weights without one."""
    return best(file.name for file in part.glob("*.safetensors")) or None


def variants(path: Path) -> str | None:
    """The ``variant`` of a folder's components, for diffusers; raises ModelError where they differ."""
    found = {name: which for name in components(path) if (which := variant(path / name))}
    if len(set(found.values())) > 1:
        parts = ", ".join(f"{name} in {which}" for name, which in found.items())
        raise ModelError(f"the parts of '{path}' come in different precisions ({parts}); get all of them in one")
    return next(iter(found.values()), None)


def check(path: Path) -> None:
    """Raise ModelError, naming the file, where loading the folder would run code or a weight file is damaged.

    Refused are Python files, configurations that ask for remote code, classes that are not from diffusers or
    transformers, components with pickled weights only, and shards outside their folder.
    """
    for file in (*path.glob("*"), *path.glob("*/*")):
        if not (is_file(file) or is_folder(file)):
            raise ModelError(f"'{file}' is not a file that can be read; remove it, or get the model again")
    for file in [*path.glob("*.py"), *path.glob("*/*.py")]:
        raise ModelError(
            f"'{file}' is code that came with a model; the studio does not run it: remove it to use the rest"
        )
    for file in _configurations(path):
        _check_configuration(file)
    for name, (library, _) in components(path).items():
        _check_component(path / name, library)


def _configurations(path: Path) -> Iterator[Path]:
    return (file for file in [*path.glob("*.json"), *path.glob("*/*.json")] if file.name not in _WORDS)


def _check_configuration(file: Path) -> None:
    content: Any = _index(file) if file.name.endswith(_INDEX) else read_json(file)
    if found := sorted({name for name, _ in settings(content)} & _RUNS_CODE):
        raise ModelError(f"'{file}' asks for the model's own code ({found[0]}), which the studio does not run")
    if not isinstance(content.get("_class_name", ""), str):
        raise ModelError(f"'{file}' has a class that is not a name and would run code, which the studio does not do")
    if file.name.endswith(_INDEX):
        _check_shards(file, content.get("weight_map"))


def _index(file: Path) -> dict[str, Any]:
    """The index of shards; unlike in configurations, its numbers are sizes in bytes."""
    try:
        content = strict_json.loads(read_file(file, LARGEST))
    except (OSError, ValueError) as error:
        raise ModelError(f"'{file}' cannot be read ({str(error)[:100]})") from None
    return content if isinstance(content, dict) else {}


def _check_shards(file: Path, shards: Any) -> None:
    names = set(shards.values()) if isinstance(shards, dict) else {None}
    for name in names:
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
            raise ModelError(
                f"'{file}' points to '{str(name)[:80]}', which is not a safetensors file beside it; get the model again"
            )


def _check_component(folder: Path, library: str) -> None:
    if library not in {"diffusers", "transformers"} and not _of_diffusers(library):
        raise ModelError(
            f"'{folder.parent}' wants its {folder.name} from '{library[:80]}', which the studio does not run"
        )
    weights = list(folder.glob("*.safetensors"))
    pickled = [file for file in folder.glob("*") if file.suffix.lower() in PICKLES]
    if pickled and not weights:
        raise ModelError(f"'{pickled[0]}' is pickled, which can run code; get the model in the safetensors format")
    for file in weights:
        Header.read(file)


def _of_diffusers(library: str) -> bool:
    """Whether it is a folder of pipelines in diffusers, which a model may name as a library."""
    found = find_spec("diffusers")
    within = found.submodule_search_locations if found else None
    return library.isidentifier() and any((Path(place) / "pipelines" / library).is_dir() for place in within or ())
