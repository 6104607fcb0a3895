"""``studio lora merge``, ``extract`` and ``resize``: models and LoRAs made of LoRAs and models."""

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

_RANK: Final = 32


def merge(*loras: str, out: Path, model: str | None = None, rank: int | None = None, keep: float | None = None) -> None:
    """Merge LoRAs into a model, or with --rank or --keep into one LoRA.

    studio lora merge neon:0.8 paper:0.5 --model dreamshaper --out dreamshaper-neon.safetensors

    studio lora merge neon:0.8 paper:0.5 --rank 32 --out both.safetensors

    Parameters
    ----------
    loras:
        LoRAs, each as NAME:WEIGHT.
    out:
        What to write: a folder or file, as the model is one; or the file of the LoRA.
    model:
        The model to merge into; with --rank or --keep, one that the LoRAs are for, where they name their modules in
        several ways or are of forms that depend on a model's own weights.
    rank:
        Make one LoRA, of at most this rank.
    keep:
        Make one LoRA that keeps this share of each module's energy, such as 0.95.
    """
    from studio.lora.tools import checkpoint_merge, lora_merge
    from studio.models import library
    from studio.prompts.lora import Lora

    asked = [Lora.parse(text) for text in loras]
    if not asked:
        raise InputError("name the LoRAs to merge, each as NAME:WEIGHT")
    card = library.find(model) if model else None
    with _progress() as watch:
        if _asked(rank, keep):
            said = _of_lora(lora_merge.merge_loras(asked, _limit(rank, keep), out, watch, card))
        elif card:
            said = _of_model(checkpoint_merge.merge(card, asked, out, watch), asked)
        else:
            raise InputError("say --model to merge into that model, or --rank to make one LoRA")
    _tell(out, said)


def extract(tuned: str, base: str, *, out: Path, rank: int | None = None, keep: float | None = None) -> None:
    """Make a LoRA of what one model has learned over another.

    studio lora extract my-dreamshaper dreamshaper --rank 32 --out my-style.safetensors

    Parameters
    ----------
    tuned:
        The model that was trained further: a name, a folder or a file.
    base:
        The model that it was before.
    out:
        The file of the LoRA.
    rank:
        Its rank at most; without it and --keep, 32.
    keep:
        The share of each module's energy that it keeps, such as 0.95.
    """
    from studio.lora.tools import lora_extract
    from studio.models import library

    limit = _limit(rank, keep)
    with _progress() as watch:
        found = lora_extract.extract(library.find(tuned), library.find(base), limit, out, watch)
    _tell(out, [*_of_lora(found.written), *_named("left out, no LoRA has a form for it", found.left)])


def resize(lora: str, *, out: Path, rank: int | None = None, keep: float | None = None) -> None:
    """Write a LoRA with another rank, as near to what it was as that rank can be.

    studio lora resize neon --rank 8 --out neon-small.safetensors

    studio lora resize neon --keep 0.95 --rank 32 --out neon-small.safetensors

    Parameters
    ----------
    lora:
        A LoRA's name, or the path of its file.
    out:
        The file to write.
    rank:
        Its rank at most.
    keep:
        The share of each module's energy that it keeps: each module gets the rank that takes.
    """
    from studio.lora.library import lora_index
    from studio.lora.tools import lora_merge

    if not _asked(rank, keep):
        raise InputError("say --rank for the rank it should have, or --keep for the share of its energy")
    with _progress() as watch:
        written = lora_merge.resize(lora_index.find(lora), _limit(rank, keep), out, watch)
    _tell(out, _of_lora(written))


def _asked(rank: int | None, keep: float | None) -> bool:
    return (rank, keep) != (None, None)


def _limit(rank: int | None, keep: float | None) -> "RankLimit":
    from studio.lora.tools.svd import RankLimit

    return RankLimit(rank, 1.0 if keep is None else keep) if _asked(rank, keep) else RankLimit(_RANK)


def _of_lora(written: "WrittenLora") -> Iterator[str]:
    ranks, (module, share) = written.ranks, written.least
    if ranks:
        span = f"{min(ranks)}" if min(ranks) == max(ranks) else f"{min(ranks)} to {max(ranks)}"
        yield f"{written.factored} modules of rank {span}, {written.kept:.2%} of the energy kept"
        yield f"least in {module}: {share:.2%}" if share < 0.9999 else ""
    yield f"{written.whole} biases, norms or other differences as they are" if written.whole else ""
    yield from _words(written.words)


def _of_model(merged: "MergedCheckpoint", loras: "list[Lora]") -> Iterator[str]:
    yield f"{merged.changed} parameters changed by {', '.join(map(str, loras))}"
    yield from _words(merged.words)
    yield from _named("left behind, weights without the LoRAs:", merged.left)


def _words(words: Iterable[str]) -> Iterator[str]:
    yield from _named("not in it, words that the LoRAs had learned:", words)


def _named(what: str, names: Iterable[str]) -> Iterator[str]:
    if every := list(names):
        yield f"{what} {', '.join(every[:5])}{f' and {len(every) - 5:,} more' if len(every) > 5 else ''}"


def _tell(out: Path, said: Iterable[str]) -> None:
    say(f"wrote {out}")
    for line in filter(None, said):
        say(f"  {line}")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """On a terminal, one line that rewrites itself: how much is done, and the time left."""
    from studio.runtime.duration import duration

    begun, watched = monotonic(), live()

    def show(done: int, of: int) -> None:
        left = (monotonic() - begun) / done * (of - done)
        if watched:
            rewrite(f"{done} of {of}, {duration(left)} left")

    try:
        yield show
    except KeyboardInterrupt:
        raise Cancelled("stopped; nothing was written") from None
    finally:
        if watched:
            rewrite("")
