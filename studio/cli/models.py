"""``studio models``: put models on the shelf, look at them, check them, take them off."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from studio.cli.terminal import say
from studio.errors import InputError, ModelError, StudioError
from studio.files.untrusted import exists, is_file, is_folder

if TYPE_CHECKING:
    from studio.models.card import ModelCard
    from studio.models.hub import Offer

FAILED = 1
_LARGE = 2_000_000_000  # bytes that take seconds to read

app = App(name="models", help="The models that are here: add, list, look at, check, remove.")


@app.command
def add(
    model: str,
    *,
    name: str = "",
    base: str = "",
    vae: Path | None = None,
    text_encoder: tuple[Path, ...] = (),
    revision: str = "main",
    yes: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Add a model: a file, a folder, or a repository on the Hub.

    studio models add ~/Downloads/painting.safetensors

    studio models add ~/stable-diffusion-webui

    studio models add flux1-dev.safetensors --base FLUX.1-dev --vae ae.safetensors --text-encoder clip_l.safetensors

    studio models add owner/name

    Files stay where they are. A folder of A1111 or ComfyUI is used in place, new files in it included. Only a
    repository is fetched, after its host and size were shown.

    Parameters
    ----------
    model:
        A .safetensors or .gguf file, a diffusers folder, the folder of A1111 or ComfyUI, or owner/name on the Hub.
    name:
        What to call it; without it, what the file or folder is called.
    base:
        A model in a diffusers folder that has what the file lacks; it needs no weights that other files have.
    vae:
        The file of a VAE, as in ComfyUI's folder vae.
    text_encoder:
        The file of a text encoder, as in ComfyUI's folder text_encoders; give it once for each.
    revision:
        Branch, tag or commit of the repository.
    yes:
        Fetch without asking.
    """
    from studio.models import hub, model_store

    path = Path(model).expanduser()
    if is_folder(path) and not model_store.is_model(path):
        return _add_folder(path)
    if exists(path):
        return _add_local(path, name, base, vae, text_encoder)
    if vae or text_encoder:
        raise InputError("--vae and --text-encoder go with a file that is here")
    if hub.is_reference(model):
        return _add_from_hub(model, name, base, revision, yes=yes)
    raise InputError(f"there is no file or folder '{model}'; a repository on the Hub is written owner/name")


@app.command(name="list")
def list_models() -> None:
    """List the models that are here."""
    from studio.models import library, registry

    for name in library.names():
        say(f"{name:28} {_line(name)}")
    for folder in registry.read().folders:
        say(f"also the models in {folder}" + ("" if is_folder(folder) else ", which is not there now"))


@app.command
def info(model: str) -> None:
    """Say what a model is: family, prediction, precision, parts, licence, hash.

    Parameters
    ----------
    model:
        A model's name, or a path.
    """
    from studio.models import library
    from studio.models.model_summary import about

    for what, how in about(library.find(model)):
        say(f"{what:10} {how}")


@app.command
def verify(model: str = "") -> int:
    """Read every byte of a model anew and compare it with what was added.

    Parameters
    ----------
    model:
        A model's name; without it, all that were added.
    """
    from studio.models import registry

    names = [model] if model else list(registry.read().models)
    failed = [name for name in names if not _is_right(name)]
    if not names:
        say("no model was added yet")
    return FAILED if failed else 0


@app.command
def remove(model: str) -> None:
    """Take a model off the list. Deleted are only files that the studio fetched itself.

    Parameters
    ----------
    model:
        The name of an added model, or the folder of another program.
    """
    from studio.models import model_store

    say(f"removed {model}; {model_store.remove(model)}")


def _add_local(path: Path, name: str, base: str, vae: Path | None, encoders: tuple[Path, ...]) -> int:
    from studio.models import model_store

    beside = [file.expanduser() for file in ((vae,) if vae else ()) + encoders]
    files = [path, *filter(is_file, beside)] if is_file(path) else path.glob("*/*.safetensors")
    if sum(file.stat().st_size for file in files) > _LARGE:
        say("reading it once, to know it again by its SHA-256 …", error=True)
    return _added(model_store.add(path, name, base, vae=beside[0] if vae else None, encoders=beside[1 if vae else 0 :]))


def _added(card: "ModelCard") -> int:
    from studio.models import component_configs
    from studio.models.model_summary import precision
    from studio.models.separate import component_title

    predicts = "" if card.prediction in {"epsilon", "flow"} else f", predicts {card.prediction}"
    say(f"added {card.name}: {_kind(card)}, {precision(card)}{predicts}")
    for note in card.notes:
        say(f"  {note}")
    for part, file in card.placed().items():
        say(f"  {component_title(part)}: {file}")
    lacks = card.lacks()
    if lacks or (card.weights and card.base is None):
        say(f"  {component_configs.wanted(card.name, card.path, card.family, lacks)}")
    return 0


def _kind(card: "ModelCard") -> str:
    return f"{card.family.title}, {card.size.width}×{card.size.height}"


def _add_folder(folder: Path) -> int:
    from studio.lora.library.lora_index import lying_in
    from studio.models import external_dirs, model_store

    every, pickled = list(external_dirs.files(folder).values()), external_dirs.pickled(folder)
    loras = lying_in(folder)
    if not (every or loras):
        also = f"; '{pickled[0].name}' is pickled, which can run code" if pickled else ""
        raise ModelError(f"there are no safetensors or GGUF files in '{folder}'{also}")
    found = external_dirs.models(every)
    model_store.add_folder(folder)
    say(f"using {len(found)} models{f' and {len(loras)} LoRAs' if loras else ''} in {folder}, where they lie")
    for names, why in (
        ([file.name for file in every if file not in found | loras], "no models of a family known here"),
        ([file.name for file in pickled], "pickled, which can run code"),
    ):
        if names:
            say(f"  left alone, {why}: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}")
    return 0


def _add_from_hub(ref: str, name: str, base: str, revision: str, *, yes: bool) -> int:
    from studio.models import hub, model_store
    from studio.models.registry import Origin

    name = model_store.free_name(name or ref.rpartition("/")[2].removesuffix(".safetensors").removesuffix(".gguf"))
    say(f"asking {hub.host()} about {ref}")
    offer = hub.look(ref, revision)
    _show(offer)
    if not (yes or _agreed()):
        say("nothing was fetched")
        return FAILED
    try:
        path = hub.fetch(offer)
    except KeyboardInterrupt:
        say("", "studio: stopped; the same command again goes on from there", error=True)
        return FAILED
    origin = Origin(host=offer.host, repository=offer.repository, commit=offer.commit, licence=offer.licence)
    return _added(model_store.add(path, name, base, origin))


def _show(offer: "Offer") -> None:
    from studio.models.model_summary import gigabytes

    say(f"from       {offer.host}: {offer.repository}, commit {offer.commit}")
    say(f"to fetch   {gigabytes(offer.size)} in {len(offer.files)} files")
    say(f"licence    {offer.licence} (claimed)")


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise InputError("nobody is there to ask; say --yes to fetch it")
    return input("fetch it? [y/N] ").strip().lower() in {"y", "yes"}


def _line(name: str) -> str:
    from studio.models import library
    from studio.models.model_summary import gigabytes, precision

    try:
        card = library.find(name)
        return f"{_kind(card)}, {gigabytes(card.bytes())}, {precision(card)}, licence {card.licence}"
    except StudioError as error:
        return f"!! {error}"


def _is_right(name: str) -> bool:
    from studio.models import model_store

    try:
        problems = model_store.verify(name)
    except StudioError as error:
        problems = [str(error)]
    say(f"{'!!' if problems else 'ok'}  {name}")
    for problem in problems:
        say(f"    {problem}")
    return not problems
