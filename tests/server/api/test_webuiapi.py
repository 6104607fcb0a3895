"""The client that most scripts for A1111 are written with works here, with all that it sends by itself."""

import pytest
import webuiapi
from PIL import Image, ImageChops


@pytest.fixture(scope="module")
def api(server):
    return webuiapi.WebUIApi(port=server.port, username="any", password=server.token, steps=3)


@pytest.fixture(scope="module")
def star(api):
    return api.txt2img(prompt="a star", seed=1, width=128, height=128).image


def test_its_defaults_ask_for_nothing_that_is_not_here(api):
    made = api.txt2img(prompt="a star", seed=1, width=128, height=128)
    assert made.image.size == (128, 128)
    assert made.info["sampler_name"] == "Euler a"
    assert made.info["warnings"] == ["denoising_strength has no effect; ignored"]


def test_a_second_pass(api):
    made = api.txt2img(prompt="a star", seed=1, width=128, height=128, enable_hr=True, hr_scale=1.5)
    assert made.image.size == (192, 192)
    assert "Hires upscale: 1.5" in made.info["infotexts"][0]


def test_a_seamless_tile(api, star):
    made = api.txt2img(prompt="a star", seed=1, width=128, height=128, tiling=True)
    assert ImageChops.difference(made.image, star).getbbox()


def test_a_picture_from_a_picture(api, star):
    made = api.img2img(images=[star], prompt="a moon", width=192, height=128, resize_mode=1)
    assert made.image.size == (192, 128)


def test_only_what_the_mask_leaves_free_is_drawn_anew(api, star):
    mask = Image.new("L", star.size)
    mask.paste(255, (0, 0, 64, 128))
    made = api.img2img(
        images=[star], mask_image=mask, inpainting_mask_invert=1, mask_blur=0, inpainting_fill=1, prompt="a moon"
    )
    changed = ImageChops.difference(made.image, star)
    assert made.image.size == star.size
    assert changed.crop((64, 0, 128, 128)).getbbox()
    assert not changed.crop((0, 0, 64, 128)).getbbox()


def test_what_cannot_be_done_is_an_error_that_names_it(api):
    with pytest.raises(RuntimeError, match="restore_faces"):
        api.txt2img(prompt="a star", restore_faces=True)


def test_what_it_lists_and_sets(api, star):
    (model, *_) = api.util_get_model_names()
    api.util_set_model(model)
    assert api.util_get_current_model() == model
    assert "Euler a" in api.util_get_sampler_names()
    assert "karras" in api.util_get_scheduler_names()
    assert "Lanczos" in [one["name"] for one in api.get_upscalers()]
    assert api.get_memory()["ram"]["total"] > 0
    assert (api.get_scripts()["txt2img"], api.get_hypernetworks(), api.get_face_restorers()) == ([], [], [])
    assert api.png_info(star).info.startswith("a star")
    assert api.get_progress()["progress"] == 0
    api.refresh_checkpoints()
