"""What every stage of training shares: one step, the averaged weights, one resumable file."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

_WARMUP = 100


class Training:
    """A model, its AdamW and the running average of its weights, saved together.

    ``path`` is a safetensors file; where it exists, training goes on from it. ``rate`` is the
    peak learning rate, ``steps`` the length of the whole stage over all sittings, ``settle`` the
    share of them, at the end, over which the rate falls to zero.
    """

    def __init__(self, model: "nn.Module", path: Path, *, rate: float, steps: int, settle: float = 0.4) -> None:
        import torch

        self.model, self.path, self.rate, self.steps, self.settle = model, path, rate, steps, settle
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=rate, betas=(0.9, 0.99), weight_decay=0.01)
        self.average = [p.detach().clone() for p in self.parameters]
        self.step, self.seconds = 0, 0.0
        if path.exists():
            self._load()

    def update(self, loss: "Tensor") -> float:
        """One optimizer step; returns the loss as a number."""
        import torch

        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * self._fraction()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self._blend()
        return loss.item()

    def _fraction(self) -> float:
        settling = self.settle * self.steps
        left = (self.steps - self.step) / settling if settling else 1.0
        return min(1.0, (self.step + 1) / _WARMUP, max(0.0, left))

    def _blend(self) -> None:
        import torch

        decay = min(0.999, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 1 - decay)

    @contextmanager
    def averaged(self) -> Iterator["nn.Module"]:
        """The model with its averaged weights, for measuring and for keeping."""
        import torch

        current = [p.detach().clone() for p in self.parameters]
        with torch.no_grad():
            torch._foreach_copy_([p.data for p in self.parameters], self.average)
            yield self.model
            torch._foreach_copy_([p.data for p in self.parameters], current)

    def adopt(self) -> None:
        """Make the averaged weights the model's own, once a stage is over."""
        import torch

        torch._foreach_copy_([p.data for p in self.parameters], self.average)

    def run(self, batches: Iterator["Tensor"], until: float, every: int = 100) -> Iterator[float]:
        """Step through ``batches`` of losses until ``steps`` or the clock time ``until``.

        Yields the mean loss each ``every`` steps, after saving and printing the time left.
        """
        losses: list[float] = []
        began, first = time.monotonic(), self.step
        while self.step < self.steps and time.time() < until:
            losses.append(self.update(next(batches)))
            if self.step % every == 0:
                pace = (time.monotonic() - began) / (self.step - first)
                self._report(sum(losses) / len(losses), pace)
                self.seconds, began, first = self.seconds + pace * (self.step - first), time.monotonic(), self.step
                self.save()
                yield sum(losses) / len(losses)
                losses = []
        self.save()

    def _report(self, loss: float, pace: float) -> None:
        left = f"{pace * (self.steps - self.step) / 60:.0f} min left"
        where = f"{self.path.stem}: step {self.step}/{self.steps}"
        print(f"{where}, loss {loss:.4f}, {pace:.2f} s a step, {left}", file=sys.stderr, flush=True)

    def save(self) -> None:
        """Write weights, averages and optimizer moments in one file, whole or not at all."""
        from safetensors.torch import save_file

        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"average.{i}": v for i, v in enumerate(self.average)}
        for i, p in enumerate(self.parameters):
            state = self.optimizer.state.get(p, {})
            tensors |= {f"adam.{i}.{name}": state[name] for name in ("exp_avg", "exp_avg_sq") if name in state}
        partial = self.path.with_suffix(".partial")
        tensors = {k: v.detach().clone().contiguous() for k, v in tensors.items()}
        save_file(tensors, partial, {"step": str(self.step), "seconds": str(self.seconds)})
        partial.replace(self.path)

    def _load(self) -> None:
        import torch
        from safetensors import safe_open

        with safe_open(self.path, "pt") as file:
            about, tensors = file.metadata(), {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        self.step, self.seconds = int(about["step"]), float(about["seconds"])
        self.model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
        self.average = [tensors[f"average.{i}"].to(p.device) for i, p in enumerate(self.parameters)]
        for i, p in enumerate(self.parameters):
            self.optimizer.state[p] = {
                "step": torch.tensor(float(self.step)),
                "exp_avg": tensors[f"adam.{i}.exp_avg"].to(p.device),
                "exp_avg_sq": tensors[f"adam.{i}.exp_avg_sq"].to(p.device),
            }
