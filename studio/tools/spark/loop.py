"""The training loop of every stage: optimizer steps, averaged weights, one checkpoint file to resume from."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studio.tools.spark.optimizers import adamw, muon, suits_muon

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

_WARMUP: Final = 100  # steps
_SAVE: Final = 200.0  # seconds of work between two checkpoints
_STOPPED: Final = 20  # a step this many times slower than usual was interrupted by a stopped process


class StageTrainer:
    """A model, its optimizers and the exponential moving average of its weights, saved together.

    ``path`` is a safetensors file; if it exists, training resumes from it. ``rate`` is the peak learning
    rate, ``steps`` the length of the whole stage, ``settle`` the share of them, at the end, over which the
    rate decays to zero. With ``orthogonal``, Muon optimizes the matrices that suit it and AdamW the rest;
    otherwise AdamW optimizes all.
    """

    def __init__(
        self,
        model: "nn.Module",
        path: Path,
        *,
        rate: float,
        steps: int,
        settle: float = 0.4,
        orthogonal: bool = False,
    ) -> None:
        self.model, self.path, self.rate, self.steps, self.settle = model, path, rate, steps, settle
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        named = {n: p for n, p in model.named_parameters() if p.requires_grad}
        matrices = {n: p for n, p in named.items() if orthogonal and suits_muon(n, p)}
        others = {n: p for n, p in named.items() if n not in matrices}
        self.optimizers = {"adamw": (list(others), adamw(list(others.values())))}
        if matrices:
            self.optimizers["muon"] = (list(matrices), muon(list(matrices.values())))
        self.average = [p.detach().clone() for p in self.parameters]
        self.step, self.seconds = 0, 0.0
        if path.exists():
            self._load()

    def update(self, loss: "Tensor") -> float:
        """One optimizer step; returns the loss as a number."""
        import torch

        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for _, optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = self.rate * self._fraction()
            optimizer.step()
        self.model.zero_grad(set_to_none=True)
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
        """The model with its averaged weights, for validation and export."""
        import torch

        current = [p.detach().clone() for p in self.parameters]
        with torch.no_grad():
            torch._foreach_copy_([p.data for p in self.parameters], self.average)
            yield self.model
            torch._foreach_copy_([p.data for p in self.parameters], current)

    def adopt(self) -> None:
        """Copy the averaged weights into the model, at the end of a stage."""
        import torch

        torch._foreach_copy_([p.data for p in self.parameters], self.average)

    def run(self, batches: Iterator["Tensor"], until: float, every: int = 100) -> Iterator[float]:
        """Train on the losses of ``batches`` until ``steps`` or the clock time ``until``.

        Yields the mean loss every ``every`` steps, after printing the time left. Saves every few minutes
        of work, and at the end.
        """
        losses: list[float] = []
        watch, before, saved = Stopwatch(), self.seconds, 0.0
        while self.step < self.steps and time.time() < until:
            losses.append(self.update(next(batches)))
            self.seconds = before + watch.lap()
            if watch.seconds > saved + _SAVE:
                saved = watch.seconds
                self._try_to_save()
            if self.step % every == 0:
                self._report(sum(losses) / len(losses), watch.seconds / watch.laps)
                yield sum(losses) / len(losses)
                losses = []
        self.save()

    def _report(self, loss: float, pace: float) -> None:
        left = f"{pace * (self.steps - self.step) / 60:.0f} min left"
        where = f"{self.path.stem}: step {self.step}/{self.steps}"
        print(f"{where}, loss {loss:.4f}, {pace:.2f} s a step, {left}", file=sys.stderr, flush=True)

    def _try_to_save(self) -> None:
        """Save; if that fails, print why and continue: a full disk may have room again in minutes."""
        from safetensors import SafetensorError

        try:
            self.save()
        except (OSError, SafetensorError) as error:
            self._partial.unlink(missing_ok=True)
            print(f"{self.path.name} was not saved, training continues: {error}", file=sys.stderr, flush=True)

    @property
    def _partial(self) -> Path:
        return self.path.with_suffix(".partial")

    def save(self) -> None:
        """Write weights, averages and optimizer moments to one file atomically."""
        from safetensors.torch import save_file

        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"average.{i}": v for i, v in enumerate(self.average)}
        for key, state in self._states().items():
            tensors |= {f"{key}/{name}": value for name, value in state.items()}
        tensors = {k: v.detach().clone().contiguous() for k, v in tensors.items()}
        save_file(tensors, self._partial, {"step": str(self.step), "seconds": str(self.seconds)})
        self._partial.replace(self.path)

    def _load(self) -> None:
        from safetensors import safe_open

        with safe_open(self.path, "pt") as file:
            about, tensors = file.metadata(), {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        self.step, self.seconds = int(about["step"]), float(about["seconds"])
        self.model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
        self.average = [tensors[f"average.{i}"].to(p.device) for i, p in enumerate(self.parameters)]
        device = self.parameters[0].device
        for key, state in self._states().items():
            prefix = f"{key}/"
            state |= {n.removeprefix(prefix): _moved(v, device) for n, v in tensors.items() if n.startswith(prefix)}

    def _states(self) -> dict[str, dict[str, Any]]:
        """The state of each optimizer for each parameter, by the names of both."""
        return {
            f"{kind}.{name}": optimizer.state[parameter]
            for kind, (names, optimizer) in self.optimizers.items()
            for name, parameter in zip(names, optimizer.param_groups[0]["params"], strict=True)
        }


def _moved(value: "Tensor", device: "torch.device") -> "Tensor":
    """The value on the device, except for step counts, which optimizers keep on the CPU."""
    return value.to(device) if value.ndim else value


class Stopwatch:
    """Adds up laps; one in which the process was stopped, or the machine slept, counts as one of average length."""

    def __init__(self) -> None:
        self.laps, self.seconds, self._last = 0, 0.0, time.monotonic()

    def lap(self) -> float:
        """End a lap; returns the seconds of all laps so far."""
        now = time.monotonic()
        took, self._last = now - self._last, now
        usual = self.seconds / self.laps if self.laps else took
        self.seconds += usual if took > max(60.0, _STOPPED * usual) else took
        self.laps += 1
        return self.seconds
