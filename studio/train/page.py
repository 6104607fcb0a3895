"""The progress of a training as an HTML page that refreshes itself; the notebook shows the same fragment."""

import base64
import io
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Final

from studio.images.image_file import open_image
from studio.pictures.publish import replace
from studio.train.progress import TrainingProgress, TrainingSample

_WIDE, _HIGH, _POINTS, _THUMB = 640, 160, 320, 160
_STYLE: Final = """<style>
.studio-training { font: 14px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 680px; padding: 16px }
.studio-training progress { width: 100% }
.studio-training table { border-spacing: 6px; text-align: center }
.studio-training th { font-weight: 500; font-size: 12px; max-width: 160px }
.studio-training img { display: block; width: 160px; border-radius: 4px; border: 1px solid #ddd }
</style>"""


def write_page(progress: TrainingProgress, folder: Path) -> None:
    """Write training.html into a folder atomically; while the training runs the page reloads itself."""
    again = "" if progress.over else '<meta http-equiv="refresh" content="3">'
    head = f'<meta charset="utf-8">{again}<title>{escape(progress.name)}</title>'
    page = f"<!doctype html><html lang=en><head>{head}</head><body>{piece(progress)}</body></html>"
    replace(folder / "training.html", page.encode())


def piece(progress: TrainingProgress) -> str:
    """Name, progress bar, text, the loss curve, and the samples, one row for each time they were drawn."""
    bar = f'<progress max="{progress.steps}" value="{progress.step}" aria-label="steps done"></progress>'
    return (
        f'{_STYLE}<div class="studio-training"><strong>{escape(progress.name)}</strong>{bar}'
        f"<div>{escape(progress.words())}</div>{_curve(progress)}{_samples(progress.samples)}</div>"
    )


def _curve(progress: TrainingProgress) -> str:
    """The smoothed loss, on an axis from the first step to the last one planned."""
    points = _smoothed(progress.losses)
    if len(points) < 2:
        return ""
    least, most = min(loss for _, loss in points), max(loss for _, loss in points)
    scale = (_HIGH - 20) / ((most - least) or 1)
    line = " ".join(f"{_WIDE * at / progress.steps:.1f},{10 + (most - loss) * scale:.1f}" for at, loss in points)
    return (
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="loss, from {most:.3g} to {least:.3g}">'
        f'<polyline points="{line}" fill="none" stroke="#3b6fd4" stroke-width="2"/>'
        f'<text x="4" y="12" font-size="11">{most:.3g}</text>'
        f'<text x="4" y="{_HIGH - 2}" font-size="11">{least:.3g}</text></svg>'
    )


def _smoothed(losses: tuple[float, ...]) -> list[tuple[int, float]]:
    """Means of equal ranges of steps, at most as many as can be seen: the step in the middle, and the loss."""
    stretch = max(1, -(-len(losses) // _POINTS), min(10, len(losses) // 10))
    parts = [(n, losses[n : n + stretch]) for n in range(0, len(losses), stretch)]
    return [(n + len(part) // 2, sum(part) / len(part)) for n, part in parts]


def _samples(samples: tuple[TrainingSample, ...]) -> str:
    if not samples:
        return ""
    prompts = list(dict.fromkeys(sample.prompt for sample in samples))
    head = "".join(f"<th>{escape(prompt)}</th>" for prompt in prompts)
    rows = "".join(_row(step, samples) for step in dict.fromkeys(sample.step for sample in samples))
    return f"<table><tr><th>step</th>{head}</tr>{rows}</table>"


def _row(step: int, samples: tuple[TrainingSample, ...]) -> str:
    row = [sample for sample in samples if sample.step == step]
    pictures = "".join(
        f'<td><img alt="{escape(one.prompt)}, step {step}" src="{_thumbnail(one.file)}"></td>' for one in row
    )
    return f"<tr><td>{step}</td>{pictures}</tr>"


@lru_cache(maxsize=256)
def _thumbnail(file: Path) -> str:
    """A small JPEG of the picture, as a data URL."""
    out, picture = io.BytesIO(), open_image(file)
    picture.thumbnail((2 * _THUMB, 2 * _THUMB))
    picture.save(out, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
