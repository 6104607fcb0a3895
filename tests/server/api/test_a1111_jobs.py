"""What A1111's clients ask, as a workflow of ours with its values, or refused by the name of the field."""

import base64
from io import BytesIO
from types import SimpleNamespace

import pytest
from PIL import Image

from studio.errors import InputError
from studio.server.api.a1111_jobs import img2img, txt2img
from studio.server.api.a1111_requests import Img2ImgRequest, Txt2ImgRequest
from studio.server.api.a1111_settings import A1111Settings
from studio.ui import uploads
from studio.workflow.job import Job
from tests import here


def job(**asked):
    request = Txt2ImgRequest.model_validate(asked)
    return txt2img(request, A1111Settings.read(request.override_settings or {}, here.library()), here.library())


def values(**asked):
    return job(**asked).values


@pytest.mark.parametrize("width", ["256", 256.0, 256])
def test_numbers_are_read_as_a1111_reads_them(width):
    assert values(width=width, height=None)["size"] == "256x512"


@pytest.mark.parametrize(
    ("asked", "workflow"),
    [({}, "text-to-image"), ({"tiling": True}, "seamless-pattern"), ({"enable_hr": True}, "hires")],
)
def test_the_workflow_that_does_what_is_asked(asked, workflow):
    assert job(**asked).workflow.name == workflow


@pytest.mark.parametrize(
    "asked",
    [
        {"hr_scale": 1.5},
        {"hr_resize_x": 384, "hr_resize_y": 384},
        {"hr_resize_x": 384},
        {"width": 384, "height": 384, "firstphase_width": 256, "firstphase_height": 256},
    ],
)
def test_a_second_pass_is_as_large_as_asked(asked):
    found = values(**{"enable_hr": True, "width": 256, "height": 256, "denoising_strength": 0.5, **asked})
    assert (found["factor"], found["size"], found["strength"]) == (1.5, "256x256", 0.5)


def test_a_second_pass_always_has_a_step():
    assert values(enable_hr=True, steps=2)["strength"] == 0.5
    assert values(enable_hr=True, steps=20)["strength"] == 0.4


@pytest.mark.parametrize(
    "same", [{"hr_second_pass_steps": 9}, {"hr_prompt": "x"}, {"hr_sampler_name": "Euler"}, {"hr_upscaler": "Latent"}]
)
def test_a_second_pass_may_say_again_what_the_first_has(same):
    assert job(prompt="x", steps=9, sampler_name="Euler", enable_hr=True, **same)


@pytest.mark.parametrize("asked", [{"clip_skip": 2}, {"override_settings": {"CLIP_stop_at_last_layers": 2}}])
def test_clip_skip_counts_as_in_a1111(asked):
    assert values(**asked)["clip_skip"] == 2


@pytest.mark.parametrize(("asked", "count"), [({"n": 3}, 3), ({"batch_size": 2, "n_iter": 2}, 4), ({"n": None}, 1)])
def test_how_many_pictures(asked, count):
    assert values(**asked)["count"] == count


@pytest.mark.parametrize(
    ("sampler", "schedule", "ours"),
    [
        ("DPM++ 2M", "Karras", "DPM++ 2M Karras"),
        ("DPM++ 2M", "Automatic", "DPM++ 2M Karras"),
        ("dpmpp_2m", None, "DPM++ 2M"),
        (None, "Karras", "Euler Karras"),
        (None, "automatic", None),
    ],
)
def test_sampler_and_schedule_are_one_name_here(sampler, schedule, ours):
    assert values(sampler_name=sampler, scheduler=schedule).get("sampler") == ours


@pytest.mark.parametrize(
    ("sampler", "eta", "ours"),
    [("DDIM", 0.5, 0.5), ("DDIM", 0, None), ("TCD", 0, 0), ("TCD", None, None), ("Euler", 0.5, None)],
)
def test_eta_is_for_ddim_and_tcd(sampler, eta, ours):
    assert values(sampler_name=sampler, eta=eta).get("eta") == ours


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"sampler_name": "Euler a", "scheduler": "Karras"}, "scheduler"),
        ({"sampler_name": "Euler a", "eta": 0.5}, "eta"),
        ({"sampler_name": "Magic"}, "sampler_name"),
        ({"styles": ["Anime"]}, "styles"),
        ({"refiner_checkpoint": "xl-refiner"}, "refiner_checkpoint"),
        ({"restore_faces": True}, "restore_faces"),
        ({"script_name": "x/y/z plot"}, "script_name"),
        ({"seed": -5}, "seed"),
        ({"batch_size": 2, "n": 3}, "n"),
        ({"clip_skip": 1, "override_settings": {"CLIP_stop_at_last_layers": 2}}, "clip_skip"),
        ({"enable_hr": True, "width": 256, "hr_resize_x": 390}, "hr_resize_x"),
        ({"enable_hr": True, "hr_prompt": "another"}, "hr_prompt"),
        ({"enable_hr": True, "hr_upscaler": "R-ESRGAN 4x+"}, "hr_upscaler"),
        ({"enable_hr": True, "width": 256, "height": 256, "hr_resize_x": 512, "hr_resize_y": 300}, "hr_resize_x"),
        ({"override_settings": {"sd_vae": "nope.safetensors"}}, "sd_vae"),
        ({"override_settings": {"randn_source": "NV"}}, "randn_source"),
        ({"override_settings": {"forge_additional_modules": ["a", "b"]}}, "forge_additional_modules"),
    ],
)
def test_what_would_change_the_picture_and_cannot_be_done_is_refused_by_its_name(wrong, field):
    with pytest.raises(InputError) as caught:
        job(**wrong)
    assert list(caught.value.wrong) == [field]


def test_another_vae_is_put_to_the_model(monkeypatch, tmp_path):
    from tests.diffusion import small

    small.vae(tmp_path / "colourful")
    monkeypatch.setenv("STUDIO_PARTS", str(tmp_path))
    steps = job(override_settings={"sd_vae": "colourful"}, tiling=True).workflow.data["steps"]
    assert steps["vae"] == {"use": "vae", "vae": "colourful"}
    assert steps["style"]["guide"] == "$vae"


def painted(output, **asked):
    """The job of a picture with a mask on its left half."""

    def png(image):
        image.save(data := BytesIO(), "PNG")
        return base64.b64encode(data.getvalue()).decode()

    mask = Image.new("L", (96, 64))
    mask.paste(255, (0, 0, 48, 64))
    given = {"init_images": [png(Image.new("RGB", (96, 64), "red"))], "mask": png(mask), **asked}
    session = SimpleNamespace(settings=SimpleNamespace(output=output), library=here.library())
    return img2img(Img2ImgRequest.model_validate(given), A1111Settings.read({}, session.library), session)


@pytest.mark.parametrize(
    ("asked", "ours"),
    [
        ({"inpaint_full_res": True, "inpaint_full_res_padding": 32}, {"padding": 32}),
        ({"inpaint_full_res_padding": 0}, {"padding": 0}),
        ({"inpaint_full_res": 1, "width": 128, "height": 64}, {"drawn_at": "128x64"}),
        ({"inpaint_full_res": True}, {}),
        ({"inpaint_full_res": False, "width": 128, "height": 64}, {}),
    ],
)
def test_only_what_is_masked_is_drawn_with_its_padding(tmp_path, asked, ours):
    wanted = painted(tmp_path, **asked)
    assert {name: wanted.values[name] for name in ("padding", "drawn_at") if name in wanted.values} == ours
    assert wanted.warnings == []
    job = Job.of(wanted.workflow, uploads.safe_values(wanted.workflow, wanted.values, tmp_path, here.library()))
    assert {name: str(job.values[name]) for name in ours} == {name: str(value) for name, value in ours.items()}


def test_padding_without_effect_is_said(tmp_path):
    wanted = painted(tmp_path, inpaint_full_res=False, inpaint_full_res_padding=32)
    assert wanted.warnings == ["inpaint_full_res_padding has no effect; ignored"]
