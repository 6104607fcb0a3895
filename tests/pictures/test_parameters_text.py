"""What we write is read right by A1111, by sd-prompt-reader and by Civitai, by the patterns in their sources."""

import json
import re

import pytest

from studio.imports.formats import a1111
from studio.imports.metadata_extract import EmbeddedMetadata
from studio.parameters.sampler_names import NAMES, canonical, in_two
from studio.pictures import parameters_text
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests.pictures.test_infotext import theirs

MODEL = {"dream": {"family": "sd1", "sampler": "EulerDiscrete", "licence": "x", "files": {"": "ab" * 32}}}
LORAS = {"styles/neon": {"file": "cd" * 32, "tensors": "ef" * 32}, "odd}:one": {"file": "12" * 32, "tensors": "3" * 64}}
FACTS = {"studio": "0.4", "prompt": "a star, (blue:1.2)", "models": MODEL, "loras": LORAS, "size": "512x768"}


def written(workflow="text-to-image", facts=FACTS, **values):
    job = Job.of(Workflow.load(workflow), {"prompt": "x", "seed": 7, **values})
    return parameters_text.write(job, facts)


def test_as_a1111_reads_it():
    line = written(negative_prompt="red", sampler="DPM++ 2M Karras", clip_skip=2, size="512x768").split("\n")[-1]
    found = theirs(line)
    assert found.pop("Hashes").startswith('{"model":"ababababab"')
    assert found == {
        "Steps": "20", "Sampler": "DPM++ 2M", "Schedule type": "Karras", "CFG scale": "2", "Seed": "7",
        "Size": "512x768", "Model hash": "ababababab", "Model": "dream", "Clip skip": "2",
        "RNG": "CPU",
        "Lora hashes": "neon: efefefefefef, odd}:one: 333333333333", "Version": "studio 0.4",
    }  # fmt: skip


@pytest.mark.parametrize(("family", "said"), [("sd1", "2"), ("sd2", "2"), ("sdxl", "3")])
def test_clip_skip_is_written_as_forge_counts_it(family, said):
    model = {"dream": {**MODEL["dream"], "family": family}}
    line = written(facts={**FACTS, "models": model}, clip_skip=2).split("\n")[-1]
    assert theirs(line)["Clip skip"] == said
    assert "Clip skip" not in theirs(written(facts={**FACTS, "models": model}).split("\n")[-1])


def test_as_civitai_reads_it():
    text = written()
    lines = text.split("\n")
    (line,) = [line for line in lines if line.startswith("Steps: ")]
    hashes = json.loads(re.search(r", Hashes:\s*({[^}]+})", line)[1])
    assert hashes == {"model": "ababababab", "lora:neon": "cdcdcdcdcd", "lora:odd}:one": "1212121212"}


def test_as_sd_prompt_reader_reads_it():
    text = written(negative_prompt="red")
    at = text.find("\nSteps:")
    assert text[: text.find("\nNegative prompt:")] == FACTS["prompt"]
    pairs = {}
    for key, value in re.findall(r"\s*([^:,]+):\s*([^,]+)", text[at:].strip()):
        pairs.setdefault(key, value)
    assert [pairs[key] for key in ("Model", "Sampler", "Seed", "CFG scale", "Steps", "Size")] == [
        "dream", "Euler", "7", "2", "20", "512x768",
    ]  # fmt: skip


def test_a_second_pass_and_the_size_of_the_first():
    found = theirs(written("hires", factor=1.5, strength=0.45, facts={**FACTS, "size": "384x384"}).split("\n")[-1])
    assert (found["Size"], found["Hires upscale"], found["Denoising strength"]) == ("256x256", "1.5", "0.45")
    assert "Hires upscaler" in found


def test_a_folder_has_no_hash_and_without_files_there_is_none():
    folder = {"spark": {"sampler": "DDIM", "licence": "x", "files": {"unet/x.safetensors": "ab" * 32}}}
    text = written(facts={**FACTS, "models": folder, "loras": {}})
    assert "hash" not in text.lower()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "model's own"])
def test_samplers_in_two_are_the_same_again(name):
    sampler, schedule = in_two(name)
    assert canonical(sampler, schedule or "Automatic") == name


@pytest.mark.parametrize(
    ("sampler", "key"), [("DDIM", "Eta DDIM"), ("TCD", "Eta"), ("Euler", None), ("model's own", None)]
)
def test_eta_is_written_for_the_samplers_that_take_it_and_read_again(sampler, key):
    text = written(sampler=sampler, eta=0.5)
    found = theirs(text.split("\n")[-1])
    assert {name: value for name, value in found.items() if name.startswith("Eta")} == ({key: "0.5"} if key else {})
    assert a1111.read(EmbeddedMetadata({"parameters": text})).values.get("eta") == (0.5 if key else None)


def test_what_we_write_we_read():
    found = a1111.read(
        EmbeddedMetadata({"parameters": written(negative_prompt="red", sampler="DPM++ 2M", steps=9, guidance=3.5)})
    )
    assert found.tool == "studio 0.4"
    assert found.values == {
        "prompt": FACTS["prompt"], "negative_prompt": "red", "steps": 9, "sampler": "DPM++ 2M", "guidance": 3.5,
        "seed": 7, "size": "512x768",
    }  # fmt: skip
