"""A training, from pictures to a file that others read. Models are tiny, their weights random."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from studio.diffusion.engine import Engine
from studio.errors import Cancelled, InputError, ModelError
from studio.lora.formats.file import LoraFile
from studio.lora.formats.fit import fit
from studio.models.parameter_index import parameters
from studio.parameters.conditioning import Guide
from studio.parameters.request import Request
from studio.prompts.lora import Lora
from studio.train.config import TrainingConfig
from studio.train.loop import train
from tests import here

FAMILIES = ("sd1", "sd2", "sdxl", "sd3", "sd3_medium", "flux1", "z_image")
QUICK = {"size": None, "steps": 24, "rank": 8, "rate": 0.02}


def course(pictures: Path, model: str, **besides) -> TrainingConfig:
    from studio.parameters.types import Size

    given = QUICK | {"size": Size(64, 64), "samples": ("a white circle on red",), "out": pictures.parent / "loras"}
    return TrainingConfig(pictures, besides.pop("name", "brand"), model, **given | besides)


def trained(made: TrainingConfig) -> list:
    told = []
    train(made, here.library(), told.append)
    return told


@pytest.mark.parametrize("family", FAMILIES)
def test_it_learns_two_pictures_by_heart_and_draws_otherwise(family, pictures, model):
    made = course(pictures, model(family))
    last = trained(made)[-1]
    assert np.mean(last.losses[-6:]) < 0.93 * np.mean(last.losses[:6])
    first, final = (np.asarray(open_(sample.file)).astype(int) for sample in (last.samples[0], last.samples[-1]))
    assert np.abs(first - final).mean() > 1
    assert (last.over, last.step, last.seen) == ("done", 24, 48)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_file_fits_and_all_draw_with_it_what_the_last_sample_shows(family, pictures, model):
    made = course(pictures, model(family), steps=6)
    sample = trained(made)[-1].samples[-1]
    card = here.card(made.model)
    found = fit(LoraFile.read(made.file), parameters(card), card.family)
    assert found.share == 1 and not found.unknown and not found.mismatched
    shown = np.asarray(open_(sample.file)).astype(int)
    assert np.abs(plainly(made, sample.prompt) - shown).max() <= 2
    assert np.abs(by_the_studio(made, sample.prompt) - shown).max() <= 2


def by_the_studio(made: TrainingConfig, prompt: str) -> np.ndarray:
    """The picture that the studio draws with the trained file."""
    card, guide = here.card(made.model), Guide(loras=(Lora(str(made.file)),))
    request = Request(prompt=prompt, steps=2, guidance=card.defaults.guidance, width=64, height=64, guide=guide)
    return np.asarray(Engine(here.pipelines()).denoise(card, request)).astype(int)


def plainly(made: TrainingConfig, prompt: str) -> np.ndarray:
    """The picture that plain diffusers draws with the trained file, at the samples' seed."""
    import torch
    from diffusers import DiffusionPipeline

    pipeline = DiffusionPipeline.from_pretrained(made.model)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(str(made.out), weight_name=made.file.name)
    card = here.card(made.model)
    arguments = {"guidance_scale": card.defaults.guidance, "num_inference_steps": 2, "width": 64, "height": 64}
    picture = pipeline(prompt, generator=[torch.Generator().manual_seed(0)], **arguments).images[0]
    return np.asarray(picture).astype(int)


def open_(file: Path):
    from PIL import Image

    return Image.open(file).convert("RGB")


TRAIN = """
import os, sys, json
from pathlib import Path
from studio.parameters.types import Size
from studio.train.config import TrainingConfig
from studio.train.loop import train
from studio.train import trainer_state
from tests import here
trainer_state._SECONDS = trainer_state._TIMES = 0  # every step is saved
def heard(progress):
    if progress.step == int(sys.argv[3]):
        os.kill(os.getpid(), 9)
train(TrainingConfig(Path(sys.argv[1]), "brand", sys.argv[2], out=Path(sys.argv[1]).parent / "loras", size=Size(64, 64),
             rank=8, rate=0.02, steps=12, samples=("a white circle on red",)), here.library(), heard)
"""


def test_after_kill_9_it_goes_on_as_if_nothing_had_happened(pictures, model):
    killed = subprocess.run([sys.executable, "-c", TRAIN, pictures, model("flux1"), "7"], env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    told = trained(course(pictures, model("flux1"), steps=12))
    assert told[0].step == 8
    whole = trained(course(pictures, model("flux1"), steps=12, name="other"))[-1]
    assert told[-1].losses == whole.losses
    brand, other = (load_file(pictures.parent / "loras" / f"{name}.safetensors") for name in ("brand", "other"))
    assert brand.keys() == other.keys()
    assert all((brand[key] == other[key]).all() for key in brand)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_between_two_steps(pictures, model, sent):
    def interrupt(progress):
        if progress.step == 5 and not progress.over:
            os.kill(os.getpid(), sent)

    made = course(pictures, model("flux1"), steps=12)
    with pytest.raises(Cancelled, match="stopped after step 5 of 12; the same command resumes"):
        train(made, here.library(), interrupt)
    assert not made.file.exists()
    assert trained(made)[0].step == 6


def test_what_was_begun_otherwise_is_refused(pictures, model):
    def stop(progress):
        raise Cancelled

    with pytest.raises(Cancelled):
        train(course(pictures, model("flux1")), here.library(), stop)
    with pytest.raises(InputError, match="other pictures or settings"):
        trained(course(pictures, model("flux1"), rank=4))


def test_a_name_is_not_taken_twice(pictures, model):
    made = course(pictures, model("flux1"), steps=1)
    train(made, here.library(), lambda _: None)
    with pytest.raises(InputError, match="there is a LoRA"):
        trained(made)


@pytest.mark.parametrize(
    ("family", "problem"), [("qwen_image", "cannot be trained yet"), ("sdxl_turbo", "distilled"),
                            ("sd1_inpaint", "cannot be trained yet")]
)  # fmt: skip
def test_other_models_say_why_not(family, problem, pictures, model):
    with pytest.raises(ModelError, match=problem):
        trained(course(pictures, model(family)))


def test_pictures_of_several_shapes_and_captions_of_several_lengths(pictures, model):
    from PIL import Image

    Image.new("RGB", (200, 100), "green").save(pictures / "c.png")
    (pictures / "c.txt").write_text("green " * 90)
    Image.new("RGB", (90, 90), "pink").save(pictures / "d.png")
    (pictures / "d.txt").write_text("(pink) [paper] with {curls} AND a <b:1>")
    last = trained(course(pictures, model("sd1"), steps=3))[-1]
    assert last.step == 3


def test_small_batches_are_gathered(pictures, model):
    from studio.parameters.types import Size
    from studio.train.config import derive_hyperparameters

    card = here.card(model("flux1"))
    hyper = derive_hyperparameters(
        course(pictures, model("flux1"), size=Size(1024, 1024), rate=None), card, 9, 10**10, "bf16"
    )
    assert (hyper.batch, hyper.accumulate, hyper.checkpointing) == (1, 4, True)
    assert hyper.rate == 1e-4


def test_the_file_says_what_it_is_and_nothing_of_the_machine(pictures, model):
    made = course(pictures, model("sd1"), steps=1, trigger="brand style", licence="cc-by-4.0", title="Brand")
    train(made, here.library(), lambda _: None)
    with safe_open(made.file, "np") as file:
        told, names = file.metadata(), list(file.keys())
    assert told["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert (told["modelspec.title"], told["modelspec.license"]) == ("Brand", "cc-by-4.0")
    assert told["modelspec.trigger_phrase"] == "brand style"
    assert told["modelspec.hash_sha256"] == f"0x{told['sshs_model_hash']}" == f"0x{data_hash(made.file)}"
    assert (told["ss_network_dim"], told["ss_num_train_images"], told["ss_base_model_version"]) == ("8", "2", "sd_v1")
    assert all(name.startswith("lora_unet_") for name in names)
    page = (made.folder / "README.md").read_text("utf-8")
    assert "license: cc-by-4.0" in page and "base model's own card claims: mit" in page
    everything = json.dumps(told) + page
    assert str(pictures.parent) not in everything and "white circle" not in everything


def data_hash(file: Path) -> str:
    import hashlib

    whole = file.read_bytes()
    return hashlib.sha256(whole[8 + int.from_bytes(whole[:8], "little") :]).hexdigest()
