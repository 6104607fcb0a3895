"""``studio models``: add, list, show, verify and remove models."""

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
    from studio.models.model_index import ModelIndex

FAILED = 1
_LARGE = 2_000_000_000  # bytes that take seconds to read

app = App(name="models")


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

    Files stay where they are. A folder of A1111 or ComfyUI is used in place, including new files. Only a repository is
    downloaded, after its host and size are shown and you have agreed.

    Parameters
    ----------
    model:
        A .safetensors or .gguf file, a diffusers folder, a folder of A1111 or ComfyUI, or owner/name on the Hub.
    name:
        Its name. Default: the name of the file or folder.
    base:
        A diffusers folder with the components that the file lacks. It needs no weights that other files contain.
    vae:
        A VAE file, as in ComfyUI's folder vae.
    text_encoder:
        A text encoder file, as in ComfyUI's folder text_encoders. May be repeated.
    revision:
        Branch, tag or commit of the repository.
    yes:
        Download without asking.
    """
    from studio.models import hub, model_store

    path = Path(model).expanduser()
    if is_folder(path) and not model_store.is_model(path):
        return _add_folder(path)
    if exists(path):
        return _add_local(path, name, base, vae, text_encoder)
    if vae or text_encoder:
        raise InputError("--vae and --text-encoder only work with a local file")
    if hub.is_reference(model):
        return _add_from_hub(model, name, base, revision, yes=yes)
    raise InputError(f"there is no file or folder '{model}'; write a repository on the Hub as owner/name")


@app.command(name="list")
def list_models() -> None:
    """List the installed models."""
    from studio.library import Library

    models = Library.from_environment().models
    for name in models.names():
        say(f"{name:28} {_line(models, name)}")
    for folder in models.registry.read().folders:
        say(f"also the models in {folder}" + ("" if is_folder(folder) else ", which is missing at the moment"))


@app.command
def info(model: str) -> None:
    """Show a model's family, prediction type, precision, components, licence and hash.

    Parameters
    ----------
    model:
        A model's name, or a path.
    """
    from studio.library import Library
    from studio.models.model_summary import about

    models = Library.from_environment().models
    for label, text in about(models.find(model), models):
        say(f"{label:10} {text}")


@app.command
def verify(model: str = "") -> int:
    """Compare a model's files with the hashes from when it was added.

    Parameters
    ----------
    model:
        A model's name. Default: all added models.
    """
    from studio.library import Library

    models = Library.from_environment().models
    names = [model] if model else list(models.registry.read().models)
    failed = [name for name in names if not _is_right(models, name)]
    if not names:
        say("no models have been added yet")
    return FAILED if failed else 0


@app.command
def remove(model: str) -> None:
    """Remove a model from the list. Only files that the studio has downloaded are deleted.

    Parameters
    ----------
    model:
        The name of an added model, or an added folder of another program.
    """
    from studio.library import Library
    from studio.models import model_store

    say(f"removed {model}; {model_store.remove(Library.from_environment().models, model)}")


def _add_local(path: Path, name: str, base: str, vae: Path | None, encoders: tuple[Path, ...]) -> int:
    from studio.library import Library
    from studio.models import model_store

    beside = [file.expanduser() for file in ((vae,) if vae else ()) + encoders]
    files = [path, *filter(is_file, beside)] if is_file(path) else path.glob("*/*.safetensors")
    if sum(file.stat().st_size for file in files) > _LARGE:
        say("computing the SHA-256 of its files …", error=True)
    models, other = Library.from_environment().models, beside[0] if vae else None
    return _added(model_store.add(models, path, name, base, vae=other, encoders=beside[1 if vae else 0 :]))


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
    from studio.library import Library
    from studio.models import external_dirs, model_store

    library = Library.from_environment()
    every, pickled = list(external_dirs.files(folder).values()), external_dirs.pickled(folder)
    loras = library.loras.lying_in(folder)
    if not (every or loras):
        also = f"; '{pickled[0].name}' is a pickle, which could run code" if pickled else ""
        raise ModelError(f"there are no safetensors or GGUF files in '{folder}'{also}")
    found = library.models.among(every)
    model_store.add_folder(library.models, folder)
    say(f"using {len(found)} models{f' and {len(loras)} LoRAs' if loras else ''} in {folder}, in place")
    for names, why in (
        ([file.name for file in every if file not in found | loras], "not a model of a supported family"),
        ([file.name for file in pickled], "a pickle, which could run code"),
    ):
        if names:
            say(f"  skipped, {why}: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}")
    return 0


def _add_from_hub(ref: str, name: str, base: str, revision: str, *, yes: bool) -> int:
    from studio.library import Library
    from studio.models import hub, model_store
    from studio.models.registry import Origin

    models = Library.from_environment().models
    called = ref.rpartition("/")[2].removesuffix(".safetensors").removesuffix(".gguf")
    name = model_store.free_name(models, name or called)
    say(f"looking up {ref} on {hub.host()}")
    offer = hub.look(ref, revision)
    _show(offer)
    if not (yes or _agreed()):
        say("nothing was downloaded")
        return FAILED
    try:
        path = hub.fetch(offer, models.downloads)
    except KeyboardInterrupt:
        say("", "studio: stopped; the same command resumes the download", error=True)
        return FAILED
    origin = Origin(host=offer.host, repository=offer.repository, commit=offer.commit, licence=offer.licence)
    return _added(model_store.add(models, path, name, base, origin))


def _show(offer: "Offer") -> None:
    from studio.models.model_summary import gigabytes

    say(f"from       {offer.host}: {offer.repository}, commit {offer.commit}")
    say(f"download   {gigabytes(offer.size)} in {len(offer.files)} files")
    say(f"licence    {offer.licence} (claimed)")


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise InputError("there is no terminal to ask; give --yes to download it")
    return input("download it? [y/N] ").strip().lower() in {"y", "yes"}


def _line(models: "ModelIndex", name: str) -> str:
    from studio.models.model_summary import gigabytes, precision

    try:
        card = models.find(name)
        return f"{_kind(card)}, {gigabytes(card.bytes())}, {precision(card)}, licence {card.licence}"
    except StudioError as error:
        return f"!! {error}"


def _is_right(models: "ModelIndex", name: str) -> bool:
    from studio.models import model_store

    try:
        problems = model_store.verify(models, name)
    except StudioError as error:
        problems = [str(error)]
    say(f"{'!!' if problems else 'ok'}  {name}")
    for problem in problems:
        say(f"    {problem}")
    return not problems
