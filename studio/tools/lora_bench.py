"""Benchmark of applying LoRAs, against diffusers with peft: ``python -m studio.tools.lora_bench``.

Both do the same in turn, in one process: apply a LoRA to a model without one, and switch back to it from another.
Diffusers can switch in two ways: by loading what it has unloaded, or by ``set_adapters``, with both loaded and taking
memory. After either it computes the layers of the LoRA at every step.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from studio.diffusion.pipelines import Pipelines
from studio.library import Library
from studio.lora.formats.lora_keys import peft_key
from studio.parameters.conditioning import Guide
from studio.prompts.lora import Lora

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

_RANK: Final = 16
_WAYS: Final = ("1 diffusers, apply", "2 diffusers, set_adapters", "3 studio, apply", "4 studio, switch back")


def bench(model: str, rounds: int) -> dict[str, float]:
    """Median seconds of each way, and how many times faster the studio is, round by round."""
    times: dict[str, list[float]] = {name: [] for name in _WAYS}
    with tempfile.TemporaryDirectory() as folder:
        pair = _Pair(Library.from_environment(), model)
        for n in range(-1, rounds):  # the first round warms up
            files = [_random_lora(pair.ours, Path(folder) / f"{n}-{which}.safetensors") for which in "ab"]
            found = [*pair.time_theirs(*files), *pair.time_ours(*files)]
            for name, seconds in zip(_WAYS, found if n >= 0 else (), strict=False):
                times[name].append(seconds)
    compared = {"apply": (0, 2), "switch back, to loading": (0, 3), "switch back, to set_adapters": (1, 3)}
    return {name: round(median(found), 4) for name, found in times.items()} | {
        f"diffusers / studio, {name}": round(
            median(a / b for a, b in zip(times[_WAYS[theirs]], times[_WAYS[ours]], strict=True)), 1
        )
        for name, (theirs, ours) in compared.items()
    }


class _Pair:
    """One model loaded twice: by the studio, and by diffusers."""

    def __init__(self, library: Library, model: str) -> None:
        card = library.models.find(model)
        self._card, self._pipelines = card, Pipelines(library)
        self._task = next(iter(card.family.pipelines.classes))
        self.ours = self._pipelines.get(card, self._task)
        self._theirs = type(self.ours).from_pretrained(card.path, dtype=self.ours.dtype, local_files_only=True)
        self._theirs.to(self._pipelines.device)

    def time_theirs(self, one: Path, other: Path) -> tuple[float, float]:
        """Seconds to load one LoRA, and to switch back to it when another is loaded too."""
        self._theirs.unload_lora_weights()

        def load(path: Path) -> None:
            self._theirs.load_lora_weights(path, adapter_name=path.stem)
            self._theirs.set_adapters([path.stem], [0.8])

        loading = _timed(lambda: load(one))
        load(other)
        return loading, _timed(lambda: self._theirs.set_adapters([one.stem], [0.8]))

    def time_ours(self, one: Path, other: Path) -> tuple[float, float]:
        """The same for the studio."""
        self._pipelines.get(self._card, self._task)

        def apply(path: Path) -> None:
            guide = Guide(loras=(Lora(str(path), 0.8),))
            self._pipelines.loras.stack(self._card, self.ours, guide).apply()

        loading = _timed(lambda: apply(one))
        apply(other)
        return loading, _timed(lambda: apply(one))


def _random_lora(pipeline: "DiffusionPipeline", path: Path) -> Path:
    """A file as diffusers saves it, with random numbers for each linear layer of the denoiser's attention."""
    import torch
    from safetensors.torch import save_file

    part = "unet" if hasattr(pipeline, "unet") else "transformer"
    linear = {
        name: module
        for name, module in getattr(pipeline, part).named_modules()
        if isinstance(module, torch.nn.Linear) and "attn" in name
    }
    ups = {peft_key(part, name, "up"): torch.randn(m.out_features, _RANK) / 100 for name, m in linear.items()}
    downs = {peft_key(part, name, "down"): torch.randn(_RANK, m.in_features) for name, m in linear.items()}
    save_file({name: tensor.half() for name, tensor in {**ups, **downs}.items()}, path)
    return path


def _timed(make: Callable[[], object]) -> float:
    began = time.perf_counter()
    make()
    return time.perf_counter() - began


def main() -> None:
    """Run the benchmark and print the figures."""
    parser = argparse.ArgumentParser(description="Seconds to apply a LoRA and to switch, against diffusers.")
    parser.add_argument("--model", default="spark", help="a folder in diffusers' layout")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    for name, figure in bench(given.model, given.rounds).items():
        print(f"{name:50} {figure:.4f}")


if __name__ == "__main__":
    main()
