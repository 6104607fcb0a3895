"""Settings of A1111, Forge, SD.Next and Civitai become ours, and none is lost on the way."""

import json
import re
from functools import cache

import pytest

from studio.imports import formats
from studio.imports.formats import a1111
from studio.imports.imported_settings import Asset
from studio.imports.metadata_extract import EmbeddedMetadata
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow, bind
from tests.imports.formats import corpus

PLAIN = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x768"


def read(line="", prompt="a cat", place="parameters"):
    return a1111.read(EmbeddedMetadata({place: f"{prompt}\n{', '.join(filter(None, [PLAIN, line]))}"}))


def left(found):
    return {one.name: one.value for one in found.skipped}


def test_plain_settings():
    found = read("Clip skip: 2, RNG: CPU, Version: v1.10.1", "a (cat:1.2)\nNegative prompt: blurry")
    assert (found.tool, found.workflow, found.skipped, found.assets) == ("A1111 v1.10.1", "text-to-image", (), ())
    assert found.values == {
        "prompt": "a (cat:1.2)", "negative_prompt": "blurry", "steps": 20, "sampler": "Euler a", "guidance": 7,
        "seed": 5, "size": "512x768",
    }  # fmt: skip


def test_noise_of_a_graphics_card_is_said_to_be_another():
    for line in ("", "RNG: NV"):
        (said,) = read(line).skipped
        assert said.name == "RNG"
        assert "not the same" in said.why


@pytest.mark.parametrize("place", ["exif:UserComment", "comment", "stealth", "sidecar", "exif:ImageDescription"])
def test_it_may_stand_in_any_of_several_places(place):
    assert read(place=place).values["steps"] == 20


@pytest.mark.parametrize(
    "texts",
    [
        {}, {"parameters": '{"sui_image_params": {}}'}, {"sidecar": "a photo of a cat"}, {"Comment": PLAIN},
        {"exif:UserComment": "taken in spring"}, {"comment": "[1, 2]"}, {"parameters": "  "},
    ],
)  # fmt: skip
def test_other_words_are_not_taken_for_it(texts):
    assert a1111.read(EmbeddedMetadata(texts)) is None


@pytest.mark.parametrize(
    ("sampler", "ours", "says"),
    [
        ("DPM++ 2M, Schedule type: Karras", "DPM++ 2M Karras", False),
        ("DPM++ 2M Karras, Version: v1.6.0", "DPM++ 2M Karras", False),
        ("DPM++ 2M, Version: v1.6.0", "DPM++ 2M", False),
        ("DPM++ 2M, Version: v1.10.1", "DPM++ 2M Karras", True),  # its "Automatic"
        ("DPM++ 2M", "DPM++ 2M Karras", True),
        ("Euler, Schedule type: Automatic", "Euler", False),
        ("Euler, Schedule type: Align Your Steps", "Euler AYS", False),
        ("Default, App: SD.Next", None, False),
        ("Undefined", None, True),
        ("Restart", None, True),
    ],
)
def test_samplers(sampler, ours, says):
    found = a1111.read(
        EmbeddedMetadata({"parameters": f"x\nSteps: 9, Sampler: {sampler}, Seed: 1, RNG: CPU, CFG scale: 7"})
    )
    assert found.values.get("sampler") == ours
    assert bool(found.skipped) == says


def test_a_larger_second_pass_is_the_hires_workflow():
    found = read("Denoising strength: 0.4, Hires upscale: 1.5, Hires steps: 20, Hires upscaler: Latent")
    assert found.workflow == "hires"
    assert found.values.items() >= {"factor": 1.5, "strength": 0.4, "size": "512x768"}.items()
    assert set(left(found)) == {"RNG", "Hires upscaler"}
    assert read("Hires resize: 1024x1536, Hires upscaler: Latent").values["factor"] == 2
    old = a1111.read(
        EmbeddedMetadata({"parameters": "x\nSteps: 9, Size: 1024x1024, Seed: 1, First pass size: 512x512"})
    )
    assert (old.workflow, old.values["size"], old.values["factor"]) == ("hires", "512x512", 2)


def test_what_needs_a_picture_says_that_it_is_not_in_the_file():
    found = read("Denoising strength: 0.4")
    assert (found.workflow, found.values["strength"]) == ("image-to-image", 0.4)
    assert "Init image" in left(found)
    found = read("Denoising strength: 0.4, Mask blur: 4, Inpaint area: Only masked")
    assert found.workflow == "inpaint"
    assert {"Init image", "Mask", "Mask blur", "Inpaint area"} <= set(left(found))


def test_tiling_is_a_workflow():
    assert read("Tiling: True").workflow == "seamless-pattern"


def test_loras_leave_the_prompt_with_weights_and_hashes():
    line = 'Lora hashes: "neon: 0123456789AB, ink: e3b0c44298fc, stray: 111111111111", TI hashes: "easy: c74b4e810b03"'
    found = read(line, "a <lora:neon:0.8> cat <lora:ink:0.5:1> <lora:bad:x> <hypernet:h:1>")
    assert found.values["prompt"] == "a  cat"
    assert found.assets == (
        Asset("lora", "neon", ("0123456789ab",), 0.8),
        Asset("lora", "ink", (), 1.0, 0.5),
        Asset("embedding", "easy", ("c74b4e810b03",)),
    )
    assert [one.value for one in found.skipped if one.name == "Prompt"] == ["<lora:bad:x>", "<hypernet:h:1>"]
    assert left(found)["Lora hashes"] == "ink: e3b0c44298fc"
    assert left(found)["Hashes: lora stray"] == "111111111111"


def test_the_model_the_vae_and_their_hashes():
    line = (
        'Model hash: 879db523c3, Model: my, model [v1], VAE: v.pt, Hashes: {"model": "879db523c3", "vae": "aaaaaaaaaa"}'
    )
    assert read(line).assets == (
        Asset("model", "my, model [v1]", ("879db523c3",)),
        Asset("vae", "v.pt", ("aaaaaaaaaa",)),
    )
    assert read("Module 1: ae, Module 2: t5xxl").assets == (Asset("vae", "ae"),)


def test_flux_of_civitai():
    resources = json.dumps([
        {"type": "checkpoint", "modelVersionId": 691639, "modelName": "FLUX", "modelVersionName": "Dev"},
        {"air": "urn:air:flux1:lora:civitai:1@2", "weight": 0.5, "modelName": "Ink", "versionName": "v1"},
    ])  # fmt: skip
    line = f"Steps: 25, Sampler: Undefined, CFG scale: 3.5, Seed: 1, Clip skip: 2, Civitai resources: {resources}"
    found = a1111.read(EmbeddedMetadata({"exif:UserComment": f"a cat\n{line}, Civitai metadata: {{}}"}))
    assert found.tool == "Civitai"
    assert found.values == {"prompt": "a cat", "steps": 25, "seed": 1, "guidance": 3.5}
    assert [(one.kind, one.name, one.weight) for one in found.assets] == [
        ("model", "FLUX Dev (Civitai's version 691639)", 1), ("lora", "Ink v1 (Civitai's version 2)", 0.5),
    ]  # fmt: skip
    assert set(left(found)) == {"Clip skip", "Sampler", "RNG"}


def test_flux_of_forge():
    found = read("Distilled CFG Scale: 3.5, Version: f2.0.1v1.10.1-previous-304")
    assert (found.tool, found.values["guidance"]) == ("Forge f2.0.1v1.10.1-previous-304", 3.5)
    assert left(found)["CFG scale"] == "7"


def test_marks_that_mean_wildcards_here_are_words_there():
    job = Job.of(Workflow.load("text-to-image"), read(prompt="a {red|blue} __animal__ \\{x|y}").values)
    assert job.draws == ()


@pytest.fixture
def quick(monkeypatch):
    """Each workflow is loaded, and its form made, once."""
    load, form = Workflow.builtin, Workflow.form
    made = {}
    monkeypatch.setattr(Workflow, "builtin", cache(load))
    monkeypatch.setattr(Workflow, "form", lambda self: made.setdefault(self.name, None) or _kept(made, self, form))


def _kept(made, workflow, form):
    made[workflow.name] = form(workflow)
    return made[workflow.name]


def test_no_setting_is_lost(quick):
    for text, said in corpus.texts():
        found = a1111.read(EmbeddedMetadata({"parameters": text}))
        bind(Workflow.load("text-to-image").form(), {"prompt": "", **_common(found.values)})
        lost = {key: value for key, value in said.items() if value and not _traced(key, value, found)}
        assert lost == {}, text


def _common(values):
    return {name: value for name, value in values.items() if name not in ("strength", "factor")}


def _traced(key, value, found):
    """Whether a setting is among the values, the assets or what was left."""
    named = [one for one in found.skipped if one.name == key or key.startswith(("Hires", "First", "Size"))]
    if any(value[:1000] in one.value for one in named) or value in found.tool:
        return True
    if key == "RNG" and value == "CPU":
        return True
    if key == "Seed" and value.isdecimal():
        return found.values["seed"] == int(value) % 2**32
    if key in ("Tiling", "Sampler") and value in ("True", "Default"):
        return value == "Default" or found.workflow == "seamless-pattern"
    if key == "Civitai metadata":
        return value == "{}"
    if key in ("Hires resize", "First pass size") and "factor" in found.values:
        return True
    words = re.findall(r"[\w.+-]+", value.lower())
    return all(_somewhere(word, found) for word in words if word not in _OF_JSON)


_OF_JSON = (
    "type", "checkpoint", "modelversionid", "modelname", "modelversionname", "air", "urn", "sdxl", "civitai", "1",
    "weight", "embedding", "karras", "automatic", "sgm", "uniform", "beta", "lora", "model", "null",
)  # fmt: skip


def _somewhere(word, found):
    said = [*found.values.values(), *found.clip_skip.values()]
    said += [*(text for one in found.assets for text in (one.name, one.weight, *one.hashes))]
    said += [text for one in found.skipped for text in (one.name, one.value, one.why)]
    return any(word in str(text).lower() or _same(word, text) for text in said)


def _same(word, number):
    try:
        return float(word) == number
    except ValueError:
        return False


@pytest.mark.parametrize("prompt", ["{masterpiece}, 1girl", "[cat:dog:0.5] in a field", "[", "{}, {", '["a", b]'])
def test_a_prompt_may_begin_with_a_bracket(prompt, tmp_path):
    text = f"{prompt}\nSteps: 20, Sampler: Euler a, Seed: 1, Size: 512x512, RNG: CPU"
    assert a1111.read(EmbeddedMetadata({"parameters": text})).values["seed"] == 1
    (tmp_path / "a.txt").write_text(text)
    found = formats.read(tmp_path / "a.txt")
    assert (found.values["seed"], found.values["steps"]) == (1, 20)


@pytest.mark.parametrize("version", ["ComfyUI", "Fooocus v2.5.5"])
def test_programs_that_draw_as_comfyui_read_prompts_and_draw_noise_as_it(version):
    text = (
        f"cats AND dogs [a:b:0.5], (x:1.2)\nNegative prompt: a AND b\nSteps: 20, Seed: 1, Size: 8x8, Version: {version}"
    )
    found = a1111.read(EmbeddedMetadata({"parameters": text}))
    assert found.values["prompt"] == r"cats and dogs \[a:b:0.5\], (x:1.2)"
    assert found.values["negative_prompt"] == "a and b"
    assert "RNG" not in {one.name for one in found.skipped}


@pytest.mark.parametrize(
    ("said", "seed"), [("347382230306562", 347382230306562 % 2**32), ("4294967295", 4294967295), ("-1", None)]
)
def test_a_seed_is_below_2_to_the_32(said, seed):
    found = a1111.read(EmbeddedMetadata({"parameters": f"a\nSteps: 20, Seed: {said}, Size: 512x512, CFG scale: 7"}))
    assert found.values.get("seed") == seed
    assert ("Seed" in {one.name for one in found.skipped}) == (seed is None)


def test_a_sampler_is_kept_whose_schedule_is_not_here():
    for said in ("Euler a, Schedule type: Karras", "Euler a Karras", "k_euler_a_karras"):
        found = a1111.read(EmbeddedMetadata({"parameters": f"a\nSteps: 20, Sampler: {said}, Seed: 1"}))
        assert found.values["sampler"] == "Euler a"
        assert ("Schedule type", "Karras") in {(one.name, one.value) for one in found.skipped}


@pytest.mark.parametrize(
    ("said", "eta"),
    [("DDIM, Eta DDIM: 0.3", 0.3), ("DDIM, Eta: 0.3", 0.3), ("TCD, Eta: 0.3", 0.3), ("Euler a, Eta: 0.3", None)],
)
def test_eta_is_read_for_the_samplers_that_take_it(said, eta):
    found = a1111.read(EmbeddedMetadata({"parameters": f"a\nSteps: 20, Sampler: {said}, Seed: 1"}))
    assert found.values.get("eta") == eta
    assert ("Eta" in {one.name for one in found.skipped}) == (eta is None)
