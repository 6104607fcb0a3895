"""Writes a LoRA: the file with its metadata, a preview beside it, and its card.

Families with a U-Net get kohya's names (lora_unet_…, alpha), which A1111, ComfyUI and diffusers read. For transformers
kohya's names are those of their makers, with fused projections, and diffusers drops SD3's without a word; so these get
PEFT's names (transformer.….lora_A), which ComfyUI and diffusers read; the strength is in the numbers themselves, since
not every program looks for an alpha there.
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from studio.errors import ModelError
from studio.images.image_file import open_image
from studio.pictures.publish import replace
from studio.train.config import Course
from studio.train.dataset import Example
from studio.train.model import Change, Pupil
from studio.train.model_card import metadata, readme
from studio.train.trainer_state import Diary

if TYPE_CHECKING:
    from torch import Tensor


def write(course: Course, pupil: Pupil, diary: Diary, examples: Sequence[Example]) -> None:
    """Write README.md into the course's folder NAME, and beside that NAME.png and, last, NAME.safetensors.

    Raises ModelError where what was learned is not finite, OutputError where the disk refuses a file.
    """
    from safetensors.torch import save

    tensors = _tensors(pupil)
    told = metadata(course, pupil, diary, examples, tensors_hash(tensors))
    replace(course.folder / "README.md", readme(course, pupil, diary, examples).encode())
    replace(course.preview, _preview([sample.file for sample in diary.samples()]))
    replace(course.file, save(tensors, told))


def tensors_hash(tensors: "Mapping[str, Tensor]") -> str:
    """The SHA-256 of a file's data without its header: AutoV3, and ModelSpec's ``hash_sha256``."""
    from safetensors.torch import save

    whole = save(dict(tensors))
    return hashlib.sha256(whole[8 + int.from_bytes(whole[:8], "little") :]).hexdigest()


def _tensors(pupil: Pupil) -> "dict[str, Tensor]":
    """What was learned in half precision, by the names that a file for this family uses."""
    import torch

    name = _kohya if pupil.how.kohya_keys else _peft
    found = {key: tensor for change in pupil.changes() for key, tensor in name(change, pupil).items()}
    halves = {key: found[key].to(torch.float16).contiguous() for key in sorted(found)}
    if wrong := next((key for key, tensor in halves.items() if not torch.isfinite(tensor).all()), None):
        raise ModelError(f"'{wrong}' is not finite, so no LoRA is written; {pupil.settled.lower_rate}")
    return halves


def _kohya(change: Change, pupil: Pupil) -> "dict[str, Tensor]":
    import torch

    begin = f"lora_unet_{change.module.replace('.', '_')}"
    return {
        f"{begin}.lora_down.weight": change.down,
        f"{begin}.lora_up.weight": change.up,
        f"{begin}.alpha": torch.tensor(float(pupil.settled.alpha)),
    }


def _peft(change: Change, pupil: Pupil) -> "dict[str, Tensor]":
    begin, strength = f"transformer.{change.module}", pupil.settled.alpha / pupil.settled.rank
    return {f"{begin}.lora_A.weight": change.down, f"{begin}.lora_B.weight": change.up * strength}


def _preview(files: Sequence[Path]) -> bytes:
    """The last samples side by side, as a PNG."""
    pictures = [open_image(file) for file in files]
    page = Image.new("RGB", (sum(one.width for one in pictures), max(one.height for one in pictures)), "white")
    for n, one in enumerate(pictures):
        page.paste(one, (sum(before.width for before in pictures[:n]), 0))
    page.save(out := io.BytesIO(), "PNG", optimize=True)
    return out.getvalue()
