"""``studio lora merge``, ``extract`` and ``resize``."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

from studio.cli.terminal import live, rewrite, say
from studio.errors import Cancelled, InputError

if TYPE_CHECKING:
    from studio.lora.tools.checkpoint_merge import MergedCheckpoint
    from studio.lora.tools.lora_writer import WrittenLora
    from studio.lora.tools.svd import RankLimit
    from studio.prompts.lora import Lora

_DEFAULT_RANK: Final = 32


def merge(*loras: str, out: Path, model: str | None = None, rank: int | None = None, keep: float | None = None) -> None:
    """Merge LoRAs into a model, or with --rank or --keep into one LoRA.

    studio lora merge neon:0.8 paper:0.5 --model dreamshaper --out dreamshaper-neon.safetensors

    studio lora merge neon:0.8 paper:0.5 --rank 32 --out both.safetensors

    Parameters
    ----------
    loras:
        LoRAs, each as NAME:WEIGHT.
    out:
        The new model, a folder or a file like the original; or the file of the LoRA.
    model:
        The model to merge into. With --rank or --keep, the base model of the LoRAs; it is needed if they use different
        module names, or if their type depends on the weights of the model.
    rank:
        Write one LoRA of at most this rank.
    keep:
        Write one LoRA that keeps this share of the energy of each module, such as 0.95.
    """
    from studio.library import Library
    from studio.lora.tools import checkpoint_merge, lora_merge
    from studio.prompts.lora import Lora

    library = Library.from_environment()
    parsed = [Lora.parse(text) for text in loras]
    if not parsed:
        raise InputError("name the LoRAs to merge, each as NAME:WEIGHT")
    card = library.models.find(model) if model else None
    with _progress() as watch:
        if _is_given(rank, keep):
            lines = _lora_lines(lora_merge.merge_loras(parsed, library.loras, _limit(rank, keep), out, watch, card))
        elif card:
            lines = _model_lines(checkpoint_merge.merge(card, parsed, library.loras, out, watch), parsed)
        else:
            raise InputError("give --model to merge into that model, or --rank to write one LoRA")
    _report(out, lines)


def extract(tuned: str, base: str, *, out: Path, rank: int | None = None, keep: float | None = None) -> None:
    """Extract the difference between a fine-tuned model and its base model as a LoRA.

    studio lora extract my-dreamshaper dreamshaper --rank 32 --out my-style.safetensors

    Parameters
    ----------
    tuned:
        The fine-tuned model: a name, a folder or a file.
    base:
        Its base model.
    out:
        The file of the LoRA.
    rank:
        Its maximum rank. Default: 32, unless --keep is given.
    keep:
        The share of the energy of each module that it keeps, such as 0.95.
    """
    from studio.library import Library
    from studio.lora.tools import lora_extract

    limit, models = _limit(rank, keep), Library.from_environment().models
    with _progress() as watch:
        found = lora_extract.extract(models.find(tuned), models.find(base), limit, out, watch)
    _report(out, [*_lora_lines(found.written), *_named("left out, no LoRA can contain it", found.left)])


def resize(lora: str, *, out: Path, rank: int | None = None, keep: float | None = None) -> None:
    """Write a LoRA with another rank, as close to the original as possible.

    studio lora resize neon --rank 8 --out neon-small.safetensors

    studio lora resize neon --keep 0.95 --rank 32 --out neon-small.safetensors

    Parameters
    ----------
    lora:
        A LoRA's name, or the path of its file.
    out:
        The file to write.
    rank:
        Its maximum rank.
    keep:
        The share of the energy of each module that it keeps, which determines the rank of each module.
    """
    from studio.library import Library
    from studio.lora.tools import lora_merge

    if not _is_given(rank, keep):
        raise InputError("give --rank for the new rank, or --keep for the share of the energy")
    index = Library.from_environment().loras
    with _progress() as watch:
        written = lora_merge.resize(index.find(lora), index, _limit(rank, keep), out, watch)
    _report(out, _lora_lines(written))


def _is_given(rank: int | None, keep: float | None) -> bool:
    return (rank, keep) != (None, None)


def _limit(rank: int | None, keep: float | None) -> "RankLimit":
    from studio.lora.tools.svd import RankLimit

    return RankLimit(rank, 1.0 if keep is None else keep) if _is_given(rank, keep) else RankLimit(_DEFAULT_RANK)


def _lora_lines(written: "WrittenLora") -> Iterator[str]:
    ranks, (module, share) = written.ranks, written.least
    if ranks:
        span = f"{min(ranks)}" if min(ranks) == max(ranks) else f"{min(ranks)} to {max(ranks)}"
        yield f"{written.factored} modules of rank {span}, {written.kept:.2%} of the energy kept"
        yield f"least in {module}: {share:.2%}" if share < 0.9999 else ""
    yield f"{written.whole} biases, norms or other differences as they are" if written.whole else ""
    yield from _words(written.words)


def _model_lines(merged: "MergedCheckpoint", loras: "list[Lora]") -> Iterator[str]:
    yield f"{merged.changed} parameters changed by {', '.join(map(str, loras))}"
    yield from _words(merged.words)
    yield from _named("not copied, weights without the LoRAs:", merged.left)


def _words(words: Iterable[str]) -> Iterator[str]:
    yield from _named("not included, embeddings of the LoRAs:", words)


def _named(what: str, names: Iterable[str]) -> Iterator[str]:
    if every := list(names):
        yield f"{what} {', '.join(every[:5])}{f' and {len(every) - 5:,} more' if len(every) > 5 else ''}"


def _report(out: Path, lines: Iterable[str]) -> None:
    say(f"wrote {out}")
    for line in filter(None, lines):
        say(f"  {line}")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """On a terminal, a line with the progress and the remaining time."""
    from studio.runtime.duration import duration

    started, watched = monotonic(), live()

    def show(done: int, of: int) -> None:
        left = (monotonic() - started) / done * (of - done)
        if watched:
            rewrite(f"{done} of {of}, {duration(left)} left")

    try:
        yield show
    except KeyboardInterrupt:
        raise Cancelled("stopped; nothing was written") from None
    finally:
        if watched:
            rewrite("")
