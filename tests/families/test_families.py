"""One vocabulary for the user; each family maps it to its own and refuses what it has not."""

from dataclasses import replace

import pytest
from PIL import Image

from studio.errors import InputError
from studio.families import chroma, flux1, hidream, hunyuan_image, pixart, qwen_image, sd1, sdxl, z_image
from studio.families.base.request_check import check
from studio.parameters.conditioning import Guide, Region
from studio.parameters.request import Request
from studio.parameters.types import Size

ASKED = Request(prompt="a star", steps=4, guidance=3.5, width=1024, height=1024)
SCHNELL = flux1.FAMILY.of("schnell")


def arguments(family, request=ASKED):
    return family.arguments(request.task, request)


def test_guidance_is_not_one_thing():
    assert arguments(sd1.FAMILY)["guidance_scale"] == 3.5
    assert arguments(qwen_image.FAMILY)["true_cfg_scale"] == 3.5
    assert arguments(hunyuan_image.FAMILY.of("distilled"))["distilled_guidance_scale"] == 3.5
    assert arguments(z_image.FAMILY.of("turbo"))["guidance_scale"] == 0
    assert not [name for name in arguments(SCHNELL) if "guidance" in name or "cfg" in name]


def test_qwen_is_given_a_negative_prompt_even_if_empty():
    """Without one, its pipeline drops the guidance and says so only in a log."""
    assert arguments(qwen_image.FAMILY)["negative_prompt"] == ""


def test_flux_takes_a_negative_prompt_by_a_second_pass():
    plain, negative = (arguments(flux1.FAMILY, replace(ASKED, negative_prompt=words)) for words in ("", "blurry"))
    assert (plain["guidance_scale"], "true_cfg_scale" in plain) == (3.5, False)
    assert (negative["guidance_scale"], negative["true_cfg_scale"]) == (1.0, 3.5)


@pytest.mark.parametrize(
    ("family", "changes", "refusal"),
    [
        (SCHNELL, {"negative_prompt": "blurry"}, "FLUX.1 schnell has no negative prompt; leave it empty"),
        (SCHNELL, {"guidance": 7.0}, "FLUX.1 schnell has no guidance to set; leave it at 0"),
        (flux1.FAMILY.of("fill"), {}, "FLUX.1 Fill cannot do text-to-image, only inpaint"),
        (
            flux1.FAMILY,
            {"width": 1000},
            r"FLUX.1 does not draw 1000x1024; 992x1024 would do \(sides are multiples of 16\)",
        ),
        (hidream.FAMILY, {"width": 512, "height": 512}, "HiDream-I1 does not draw 512x512; 1024x1024 would do"),
        (sdxl.FAMILY.of("refiner"), {}, "refiner cannot do text-to-image, only image-to-image, inpaint"),
    ],
)
def test_what_a_family_has_not_is_refused_by_name(family, changes, refusal):
    with pytest.raises(InputError, match=refusal):
        check(family, replace(ASKED, **changes))


def test_what_it_has_passes():
    check(flux1.FAMILY, replace(ASKED, negative_prompt="blurry"))
    check(SCHNELL, replace(ASKED, guidance=0.0))
    check(hidream.FAMILY, replace(ASKED, width=1344, height=768))


def test_a_variant_that_differs_not_is_the_family():
    assert sd1.FAMILY.of("") is sd1.FAMILY
    assert chroma.FAMILY.of("") is chroma.FAMILY


def test_the_size_asked_for_is_the_size_drawn():
    """PixArt's pipeline would take the nearest it was trained at and cut; Kontext's would take a million pixels."""
    assert arguments(pixart.FAMILY)["use_resolution_binning"] is False
    kontext = arguments(flux1.FAMILY.of("kontext"), replace(ASKED, width=512, height=768))
    assert kontext["max_area"] == 512 * 768
    assert hidream.FAMILY.capabilities.nearest_size(Size(512, 512)) == (1024, 1024)


@pytest.mark.parametrize(
    ("prompt", "mark", "brackets"),
    [
        ("a ([red:blue:0.5]:1.2) star", r"\[red:blue:0.5\]", r", or \\\[ and \\\] where you mean brackets"),
        ("a [red|blue] star", r"\[red\|blue\]", r", or \\\[ and \\\] where you mean brackets"),
        ("a star AND a moon", "AND", ""),
    ],
)
def test_an_area_says_the_same_in_all_steps(prompt, mark, brackets):
    area = Region(prompt, Image.new("L", (64, 64), 255))
    request = Request(prompt="a star", steps=2, guidance=2.0, width=64, height=64, guide=Guide(regions=(area,)))
    with pytest.raises(InputError, match=f"so '{mark}' does not work there; write the words alone{brackets}$"):
        check(sd1.FAMILY, request)
