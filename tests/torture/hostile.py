"""Damaged and hostile files of every kind that is read: one line each and soon, never a traceback or much memory."""

import resource
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

from PIL import Image

from studio.batches import manifest, tasks
from studio.batches.tables import files
from studio.config import shipped
from studio.diffusion.memory.memory_footprint import ModelFootprint
from studio.errors import StudioError
from studio.galleries import annotations, file_metadata
from studio.imports.importing import import_file
from studio.lora.library import sidecars
from studio.lora.library.card import LoraCard
from studio.models import folder as models
from studio.models.adapters import Part
from studio.models.card import ModelCard
from studio.parameters.types import Size
from studio.prompts import wildcards
from studio.train.dataset import examples
from studio.ui.controls import controls
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests import here
from tests.torture.figures import Figures
from tests.torture.mutants import SPECIAL, Kind, kinds, mutant, special

SOON = 2.0  # seconds of computing
STUCK = 60  # seconds of anything
MEMORY = 700.0  # MB beyond what was there before


Read = Callable[[Path], object]


class Stuck(Exception):
    """It neither ended nor computed."""


def run(folder: Path, tasks: int = 10_000, seed: int = 1) -> Figures:
    """``tasks`` files in all, as many of each kind."""
    figures, random = Figures(), Random(seed)
    every, readers = kinds(), _readers(folder)
    for kind in every:  # what is imported and remembered now takes no time later
        _tried(kind, folder, readers[kind.name], partial(kind.write, content=kind.seeds[0]))
    before, found, slowest = _memory(), Counter(), (0.0, "")
    for n in range(tasks):
        kind = every[n % len(every)]
        which, content = n // len(every), mutant(kind, random)
        make = partial(special, which=which) if which < SPECIAL else partial(kind.write, content=content)
        outcome, seconds = _tried(kind, folder, readers[kind.name], make)
        found[outcome] += 1
        slowest = max(slowest, (seconds, f"{kind.name} {n}"))
        if outcome not in ("read", "refused"):
            print(f"{kind.name} {n}: {outcome}", flush=True)
            _kept(folder, kind, n)
    figures.tell("files", sum(found.values()))
    figures.tell("read", found.pop("read", 0))
    figures.tell("refused by one line", found.pop("refused", 0))
    figures.none("anything else", [f"{outcome} ({times})" for outcome, times in found.items()])
    figures.most(f"slowest, {slowest[1]}", slowest[0], SOON, "s")
    figures.most("memory", _memory() - before, MEMORY, "MB")
    return figures


def _tried(kind: Kind, folder: Path, read: Read, make: Callable[[Path], object]) -> tuple[str, float]:
    """What became of one file, and how many seconds it took."""
    path = folder / f"{kind.stem}{kind.ending}"
    _remove(path)
    make(path)
    began = time.process_time()
    try:
        with _watched():
            read(path)
        outcome = "read"
    except StudioError as error:
        outcome = "refused" if "\n" not in str(error) and str(error) else f"several lines: {str(error)[:80]!r}"
    except Exception as error:
        outcome = f"{type(error).__name__}: {str(error)[:120]}"
    return outcome, time.process_time() - began


@contextmanager
def _watched() -> Iterator[None]:
    def stop(*_):
        raise Stuck

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, STUCK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _readers(home: Path) -> dict[str, Read]:
    """How each kind is read, through the doors that surfaces use."""
    plain, (model, taught, lora) = Workflow.load("text-to-image"), _surroundings(home)
    of_pictures = (
        "record", "a1111 png", "a1111 jpeg", "a1111 webp", "hidden", "comfy png", "invoke", "novelai", "fooocus",
        "picture",
    )  # fmt: skip
    pictures = dict.fromkeys(of_pictures, _picture)
    tables = dict.fromkeys(("csv", "tsv", "jsonl", "xlsx"), lambda path: _table(path, plain))
    return {
        **pictures,
        **tables,
        **dict.fromkeys(("job", "a1111 text", "comfy json"), _brought),
        "workflow": lambda path: controls(Workflow.load(path)),
        "lora": _weights,
        "gguf": _weights,
        "sidecar": lambda path: _sidecar(path, lora),
        "card": lambda path: (models.front_matter(path.parent), ModelCard.read(model)),
        **dict.fromkeys(("wildcard", "wildcards in yaml", "wildcards in json"), _wildcard),
        "captions": lambda path: _taught(taught, path, "metadata.jsonl"),
        "caption": lambda path: _taught(taught, path, "a.txt"),
        "marks": lambda path: annotations.fold([path]),
        "manifest": lambda path: _manifest(home / "batch", path),
        "configuration": lambda path: _configured(model, path),
    }


def _surroundings(home: Path) -> tuple[Path, Path, Path]:
    """A model without weights, a folder to learn from, and a LoRA."""
    model, taught, lora = home / "model", home / "taught", home / "lora" / "x.safetensors"
    spark = shipped("assets") / "spark"
    for file in [spark / "model_index.json", *spark.glob("*/*.json")]:
        (model / file.relative_to(spark)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, model / file.relative_to(spark))
    taught.mkdir()
    Image.effect_noise((64, 64), 50).save(taught / "a.png")
    lora.parent.mkdir()
    (home / "batch").mkdir()
    kind = next(kind for kind in kinds() if kind.name == "lora")
    kind.write(lora, kind.seeds[0])
    return model, taught, lora


def _brought(path: Path) -> None:
    found = import_file(path, here.library())
    workflow = Workflow.of(found.workflow, found.definition) if isinstance(found, Job) else found.workflow
    controls(workflow)
    if isinstance(found, Job):
        here.resolved(found)
    else:
        found.messages()


def _picture(path: Path) -> None:
    file_metadata.read(path)
    _brought(path)


def _table(path: Path, workflow: Workflow) -> None:
    table = files.read(path)
    tasks.batch(
        workflow, here.library(), replace(table, rows=table.rows[:1000])
    )  # each row takes its time, whatever it says


def _weights(path: Path) -> None:
    for read in (LoraCard.read, ModelCard.read, Part.read):
        try:
            read(path)
        except StudioError as error:
            last = error
        else:
            return
    raise last


def _sidecar(path: Path, lora: Path) -> None:
    for ending in (".civitai.info", ".metadata.json", ".json"):
        with _put(path, lora.with_suffix(ending)):
            LoraCard.read(lora)
            list(sidecars.declared(lora))


def _wildcard(path: Path) -> None:
    for text in ("a __x__ star", "a __*__ star", "a __colours/warm__ star"):
        lists = wildcards.load(path.parent, [text])
        wildcards.expanded(text, lists, "1")


def _taught(folder: Path, path: Path, name: str) -> None:
    with _put(path, folder / name):
        examples(folder, "a star")


def _manifest(folder: Path, path: Path) -> None:
    with _put(path, folder / manifest.LINES):
        list(manifest.lines(folder))


def _configured(model: Path, path: Path) -> None:
    """A configuration in the place of each of a model's own, in turn."""
    for part in ("scheduler/scheduler_config.json", "unet/config.json", "vae/config.json", "model_index.json"):
        if path.is_file() and path.stat().st_size < 10**6:
            own = (model / part).read_bytes()
            try:
                shutil.copyfile(path, model / part)
                _planned(model)
            except StudioError as error:
                last = error
            else:
                continue
            finally:
                (model / part).write_bytes(own)
            raise last


def _planned(model: Path) -> None:
    card = ModelCard.read(model)
    card.check()
    anatomy = ModelFootprint.of(card)
    anatomy.denoising(Size(512, 512)), anatomy.decoding(Size(512, 512))


@contextmanager
def _put(path: Path, place: Path) -> Iterator[None]:
    path.rename(place)
    try:
        yield
    finally:
        place.rename(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _kept(folder: Path, kind: Kind, n: int) -> None:
    """What broke something stays, to be looked at."""
    path = folder / f"{kind.stem}{kind.ending}"
    if path.is_file() and path.stat().st_size < 10**7:
        kept = folder / "broke"
        kept.mkdir(exist_ok=True)
        shutil.copyfile(path, kept / f"{kind.name.replace(' ', '-')}-{n}{kind.ending}")


def _memory() -> float:
    """The most that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
