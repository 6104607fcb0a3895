"""``studio train``: a LoRA from a folder of pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import App, Parameter

from studio.cli.stopping import at_work
from studio.cli.terminal import live, rewrite, say
from studio.errors import InputError

if TYPE_CHECKING:
    from studio.train.progress import TrainingProgress

app = App(name="train", help="Teach a model a style or a subject, on pictures of your own.")

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
    """Train a LoRA. Ctrl+C stops it; the same command goes on, also after the process was killed.

    studio train lora brand-pictures --name brand --trigger "brand style"

    Captions stand in a .txt beside each picture, or in metadata.jsonl. NAME.safetensors and NAME.png go to the folder
    of parts, where the studio finds them; the folder NAME there has the card, the samples, and training.html, which
    shows how it goes.

    Parameters
    ----------
    pictures:
        A folder with pictures and their captions.
    name:
        What the LoRA will be called: <lora:NAME:1> in a prompt.
    model:
        The model that learns.
    caption:
        What is said of pictures without a caption of their own.
    trigger:
        Words to put before every caption, which call for the style later.
    out:
        Another folder to write to.
    rank:
        How much it can learn, and how large the file is.
    alpha:
        How strongly it acts is alpha over rank; without it, the rank.
    targets:
        Adapt all layers, or only those that attend: smaller, for subjects rather than styles.
    steps:
        How long it learns; without it, 40 for each picture, from 200 to 1500.
    rate:
        The learning rate; without it, what suits a model of this size.
    size:
        The size to learn at, 768x768; without it, the model's own.
    seed:
        Of all chance, and of the samples.
    sample:
        A prompt to draw along the way; give it several times for several. Without it, three captions.
    title:
        What people call it, in the file's metadata.
    licence:
        The licence of the LoRA, in the file's metadata and on its card.
    """
    from studio.models import adapters
    from studio.train.config import TrainingConfig, size_of
    from studio.train.loop import train

    course = TrainingConfig(
        pictures, name, model, caption, trigger, out or adapters.folder(), rank, alpha, targets, steps, rate,
        size_of(size) if size else None, seed, sample, title, licence,
    )  # fmt: skip
    try:
        say(str(train(course, _Line(course.folder / "training.html"))))
    except InputError as error:
        if len(error.wrong) < 2:
            raise
        return _list(error)
    return 0


def _list(error: InputError) -> int:
    """Several things that are wrong, one a line."""
    say(f"studio: {str(error).partition(': ')[0]}:", error=True)
    for what, problem in error.wrong.items():
        say(f"  {what} {problem}", error=True)
    return _WRONG_USE


class _Line:
    """Progress on stderr: on a terminal one line that rewrites itself, else a line every tenth of the way."""

    def __init__(self, page: Path) -> None:
        self._page, self._said = page, False

    def __call__(self, progress: "TrainingProgress") -> None:
        at_work(lambda: "stopped; the same command goes on from what was saved last")
        if not self._said:
            say(f"how it goes: {self._page}", error=True)
        self._said = True
        if live() and not progress.over:
            rewrite(progress.words())
        elif progress.over or progress.step % max(1, progress.steps // 10) == 0:
            rewrite("") if live() else None
            say(progress.words(), error=True)
