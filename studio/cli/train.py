"""``studio train``: trains a LoRA on a folder of pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import App, Parameter

from studio.cli.stopping import at_work
from studio.cli.terminal import live, rewrite, say
from studio.errors import InputError

if TYPE_CHECKING:
    from studio.train.progress import TrainingProgress

app = App(name="train")

_WRONG_USE: Final = 2

Samples = Annotated[tuple[str, ...], Parameter(name="--sample", negative="")]


@app.command
def lora(
    pictures: Path,
    *,
    name: str,
    model: str = "spark",
    caption: str = "",
    trigger: str = "",
    out: Path | None = None,
    rank: int = 16,
    alpha: float | None = None,
    targets: Literal["all", "attention"] = "all",
    steps: int | None = None,
    rate: float | None = None,
    size: str | None = None,
    seed: int = 0,
    sample: Samples = (),
    title: str = "",
    licence: str = "",
) -> int:
    """Train a LoRA. Ctrl+C stops it; the same command resumes, also after a crash.

    studio train lora brand-pictures --name brand --trigger "brand style"

    Captions are .txt files beside the pictures, or metadata.jsonl. NAME.safetensors and NAME.png are written to the
    folder of LoRAs and other adapters (STUDIO_PARTS); the folder NAME in it has the model card, the samples, and the
    progress in training.html.

    Parameters
    ----------
    pictures:
        A folder with pictures and their captions.
    name:
        The name of the LoRA, as in <lora:NAME:1>.
    model:
        The base model.
    caption:
        The caption of pictures without one.
    trigger:
        Trigger words, which are put before each caption.
    out:
        Folder to write to.
    rank:
        The rank: how much it can learn, and how large the file is.
    alpha:
        The LoRA is scaled by alpha / rank. Default: the rank.
    targets:
        Adapt all layers, or only attention layers: smaller, better for subjects than for styles.
    steps:
        Number of steps. Default: 40 for each picture, from 200 to 1500.
    rate:
        The learning rate. Default: depends on the size of the model.
    size:
        The training resolution, 768x768. Default: the model's native size.
    seed:
        The random seed, also of the samples.
    sample:
        A prompt for sample pictures during training. May be repeated. Default: three captions.
    title:
        The title in the file's metadata.
    licence:
        The licence of the LoRA, in the file's metadata and on its card.
    """
    from studio.library import Library
    from studio.train.config import TrainingConfig, size_of
    from studio.train.loop import train

    library = Library.from_environment()
    course = TrainingConfig(
        pictures, name, model, caption, trigger, out or library.parts, rank, alpha, targets, steps, rate,
        size_of(size) if size else None, seed, sample, title, licence,
    )  # fmt: skip
    try:
        say(str(train(course, library, _ProgressLine(course.folder / "training.html"))))
    except InputError as error:
        if len(error.wrong) < 2:
            raise
        return _list_problems(error)
    return 0


def _list_problems(error: InputError) -> int:
    """Print several problems, one on each line."""
    say(f"studio: {str(error).partition(': ')[0]}:", error=True)
    for name, problem in error.wrong.items():
        say(f"  {name} {problem}", error=True)
    return _WRONG_USE


class _ProgressLine:
    """Progress on stderr: on a terminal a line that is rewritten, else a line for every tenth of the steps."""

    def __init__(self, page: Path) -> None:
        self._page, self._started = page, False

    def __call__(self, progress: "TrainingProgress") -> None:
        at_work(lambda: "stopped; the same command resumes from the last checkpoint")
        if not self._started:
            say(f"progress: {self._page}", error=True)
        self._started = True
        if live() and not progress.over:
            rewrite(progress.words())
        elif progress.over or progress.step % max(1, progress.steps // 10) == 0:
            rewrite("") if live() else None
            say(progress.words(), error=True)
