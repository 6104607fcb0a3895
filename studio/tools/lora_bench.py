"""How fast LoRAs go on and off, against diffusers with peft, in one run: ``python -m studio.tools.lora_bench``.

Both do the same in turn, in one process: put a LoRA on a model that has none, and, wearing another, switch back to
it. Diffusers can switch in two ways: by loading again what it has unloaded, or, where both stay loaded and take
memory, by ``set_adapters``; after either it computes the layers of the LoRA at every step anew.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from studio.diffusion.pipelines import Pipelines
from studio.models import library
from studio.models.card import ModelCard
from studio.parameters.conditioning import Guide
from studio.prompts.lora import Lora

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

_RANK: Final = 16
_WAYS: Final = ("1 diffusers, put on", "2 diffusers, set_adapters", "3 studio, put on", "4 studio, switch back")


def bench(model: str, rounds: int) -> dict[str, float]:
    """Median seconds of each, and how many times quicker the studio is, round by round."""
    times: dict[str, list[float]] = {name: [] for name in _WAYS}
    with tempfile.TemporaryDirectory() as folder:
        pair = _Pair(library.find(model))
        for n in range(-1, rounds):  # the first round warms up
            files = [_random(pair.ours, Path(folder) / f"{n}-{which}.safetensors") for which in "ab"]
            found = [*pair.theirs_in_turn(*files), *pair.ours_in_turn(*files)]
            for name, seconds in zip(_WAYS, found if n >= 0 else (), strict=False):
                times[name].append(seconds)
    compared = {"put on": (0, 2), "switch back, to loading": (0, 3), "switch back, to set_adapters": (1, 3)}
    return {name: round(median(found), 4) for name, found in times.items()} | {
        f"diffusers / studio, {name}": round(
            median(a / b for a, b in zip(times[_WAYS[theirs]], times[_WAYS[ours]], strict=True)), 1
        )
        for name, (theirs, ours) in compared.items()
    }


class _Pair:
    """One model loaded twice: by the studio, and by diffusers."""

    def __init__(self, card: ModelCard) -> None:
        self._card, self._pipelines = card, Pipelines()
        self._task = next(iter(card.family.pipelines.classes))
        self.ours = self._pipelines.get(card, self._task)
        self._theirs = type(self.ours).from_pretrained(card.path, dtype=self.ours.dtype, local_files_only=True)
        self._theirs.to(self._pipelines.device)

    def theirs_in_turn(self, one: Path, other: Path) -> tuple[float, float]:
        """Seconds to load one, and to switch back to it where the other is loaded too."""
        self._theirs.unload_lora_weights()

        def load(path: Path) -> None:
            self._theirs.load_lora_weights(path, adapter_name=path.stem)
            self._theirs.set_adapters([path.stem], [0.8])

        loading = _timed(lambda: load(one))
        load(other)
        return loading, _timed(lambda: self._theirs.set_adapters([one.stem], [0.8]))

    def ours_in_turn(self, one: Path, other: Path) -> tuple[float, float]:
        self._pipelines.get(self._card, self._task)

        def wear(path: Path) -> None:
            guide = Guide(loras=(Lora(str(path), 0.8),))
            self._pipelines.loras.stack(self._card, self.ours, guide).wear()

        loading = _timed(lambda: wear(one))
        wear(other)
        return loading, _timed(lambda: wear(one))


def _random(pipeline: "DiffusionPipeline", path: Path) -> Path:
    """A file as diffusers writes it, of random numbers for each linear layer of the denoiser's attention."""
    import torch
    from safetensors.torch import save_file

    part = "unet" if hasattr(pipeline, "unet") else "transformer"
    linear = {
        name: module
        for name, module in getattr(pipeline, part).named_modules()
        if isinstance(module, torch.nn.Linear) and "attn" in name
    }
    ups = {f"{part}.{name}.lora_B.weight": torch.randn(m.out_features, _RANK) / 100 for name, m in linear.items()}
    downs = {f"{part}.{name}.lora_A.weight": torch.randn(_RANK, m.in_features) for name, m in linear.items()}
    save_file({name: tensor.half() for name, tensor in {**ups, **downs}.items()}, path)
    return path


def _timed(make: Callable[[], object]) -> float:
    began = time.perf_counter()
    make()
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Seconds to put a LoRA on and to switch, against diffusers.")
    parser.add_argument("--model", default="spark", help="a folder in diffusers' layout")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    for name, figure in bench(given.model, given.rounds).items():
        print(f"{name:50} {figure:.4f}")


if __name__ == "__main__":
    main()
