"""Scripts written for AUTOMATIC1111 work unchanged: here with nothing but the standard library."""

import base64
import json
import urllib.error
import urllib.request
from io import BytesIO

import pytest
from PIL import Image

SMALL = {"steps": 2, "width": 256, "height": 256}


def call(server, path, payload=None):
    """As the scripts do it; the token goes where they put a password."""
    login = base64.b64encode(f"user:{server.token}".encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {login}"}
    data = None if payload is None else json.dumps(payload).encode()
    request = urllib.request.Request(f"{server.url}/sdapi/v1/{path}", data, headers)  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return json.loads(answer.read())


def png(image):
    image.save(data := BytesIO(), "PNG")
    return base64.b64encode(data.getvalue()).decode()


def opened(text):
    return Image.open(BytesIO(base64.b64decode(text)))


def test_txt2img_makes_as_many_pictures_as_asked_with_seeds_that_follow(server):
    asked = {
        "prompt": "a red heart on cream",
        "seed": 5,
        "batch_size": 2,
        "cfg_scale": 3,
        "sampler_name": "Euler a",
        **SMALL,
    }
    answer = call(server, "txt2img", asked)
    assert answer["parameters"] == asked
    assert [opened(one).size for one in answer["images"]] == [(256, 256)] * 2
    info = json.loads(answer["info"])
    assert info["all_seeds"] == [5, 6]
    assert info["sampler_name"] == "Euler a"
    assert info["cfg_scale"] == 3
    assert info["infotexts"][0] == opened(answer["images"][0]).info["parameters"]
    assert info["warnings"] == []


def test_the_info_says_what_was_drawn_for_each_picture(server):
    prompt = "a {red|teal} heart <lora:{neon-glow|paper-cut-out}:1>"
    answer = call(server, "txt2img", {"prompt": prompt, "seed": 5, "batch_size": 2, **SMALL, "steps": 1})
    prompts = json.loads(answer["info"])["all_prompts"]
    assert len(set(prompts)) == 2
    for said, picture in zip(prompts, answer["images"], strict=True):
        assert opened(picture).info["parameters"].startswith(f"{said}\n")
    with pytest.raises(urllib.error.HTTPError, match="422"):
        call(server, "txt2img", {"prompt": "a heart <lora:{nowhere|no/where}:1>", **SMALL})


def test_minus_one_draws_a_seed_and_the_info_says_which(server):
    info = json.loads(call(server, "txt2img", {"prompt": "a star", "seed": -1, **SMALL})["info"])
    assert info["seed"] >= 0


def test_img2img_starts_from_a_picture(server):
    first = call(server, "txt2img", {"prompt": "a star", **SMALL})["images"][0]
    asked = {"init_images": [first], "prompt": "a moon", "denoising_strength": 0.9, **SMALL}
    answer = call(server, "img2img", asked)
    assert json.loads(answer["info"])["denoising_strength"] == 0.9
    assert opened(answer["images"][0]).size == (256, 256)


def test_what_is_unknown_is_ignored_and_listed_and_what_asks_nothing_is_not(server):
    idle = {
        "restore_faces": False,
        "alwayson_scripts": {"ControlNet": {"args": []}, "ADetailer": {"args": [False, {"ad_model": "face"}]}},
        "styles": [],
        "hr_scale": 2,
        "subseed": -1,
        "override_settings": {"samples_save": True},
        "batch_size": None,
        "hr_additional_modules": [],
    }
    info = json.loads(call(server, "txt2img", {"prompt": "a star", "sparkles": 1, **idle, **SMALL})["info"])
    assert info["warnings"] == [
        "sparkles is not known; ignored",
        "override_settings.samples_save has no effect; ignored",
    ]


def test_every_picture_has_its_own_words_and_seed(server):
    asked = {"prompt": "a {red|blue|green|teal} circle", "batch_size": 3, "seed": 5, **SMALL}
    info = json.loads(call(server, "txt2img", asked)["info"])
    assert [text.split("\n")[0] for text in info["infotexts"]] == info["all_prompts"]
    assert len(set(info["all_prompts"])) > 1
    assert info["all_seeds"] == [5, 6, 7]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"sampler_name": "Magic"}, "sampler_name"),
        ({"subseed_strength": 0.5}, "subseed_strength"),
        ({"alwayson_scripts": {"ControlNet": {"args": [{"enabled": True}]}}}, "alwayson_scripts.ControlNet"),
        ({"override_settings": {"eta_noise_seed_delta": 31337}}, "override_settings.eta_noise_seed_delta"),
        ({"enable_hr": True, "tiling": True}, "tiling"),
        ({"steps": 0}, "steps"),
        ({"width": "wide"}, "width"),
        (
            {"override_settings": {"sd_model_checkpoint": "nope.safetensors [abc]"}},
            "override_settings.sd_model_checkpoint",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_its_field(server, wrong, field):
    with pytest.raises(urllib.error.HTTPError) as caught:
        call(server, "txt2img", {"prompt": "a star", **SMALL, **wrong})
    assert caught.value.code == 422
    assert json.loads(caught.value.read())["field"] == field


def test_img2img_wants_one_picture(server):
    with pytest.raises(urllib.error.HTTPError) as caught:
        call(server, "img2img", {"prompt": "a star", "init_images": []})
    assert json.loads(caught.value.read())["field"] == "init_images"


def test_the_small_questions_scripts_ask(server):
    model = call(server, "options")["sd_model_checkpoint"]
    assert model in [one["title"] for one in call(server, "sd-models")]
    assert "Euler a" in [one["name"] for one in call(server, "samplers")]
    assert call(server, "progress")["progress"] == 0
    assert (
        json.loads(
            call(server, "txt2img", {"prompt": "x", "override_settings": {"sd_model_checkpoint": model}, **SMALL})[
                "info"
            ]
        )["sd_model_name"]
        == model
    )


def test_progress_and_interrupt(server):
    job = server.job(count=50, steps=10)
    while (seen := call(server, "progress"))["progress"] == 0:
        pass
    assert seen["state"]["job"] == job
    assert seen["state"]["sampling_steps"] == 10
    call(server, "interrupt", {})
    server.calm()
    assert server.session.find(job).state == "cancelled"


def test_png_info_reads_the_text_of_a_picture(server):
    image = call(server, "txt2img", {"prompt": "a green tree", **SMALL})["images"][0]
    assert call(server, "png-info", {"image": image})["info"].startswith("a green tree")


def test_the_options_choose_the_model_and_refuse_one_that_is_not_here(server):
    model = call(server, "options")["sd_model_checkpoint"]
    assert call(server, "options", {"sd_model_checkpoint": f"{model}.safetensors [0123456789]"}) is None
    assert call(server, "options")["sd_model_checkpoint"] == model
    assert call(server, "options", call(server, "options")) is None
    with pytest.raises(urllib.error.HTTPError) as caught:
        call(server, "options", {"sd_model_checkpoint": "nope"})
    assert json.loads(caught.value.read())["field"] == "sd_model_checkpoint"


@pytest.mark.parametrize("name", ["schedulers", "upscalers", "memory", "cmd-flags", "scripts"])
def test_what_clients_list_is_there(server, name):
    assert call(server, name)


def test_a_mask_of_another_size_is_refused_before_anything_starts(server):
    star = call(server, "txt2img", {"prompt": "a star", **SMALL})["images"][0]
    before = len(server.session.runs())
    with pytest.raises(urllib.error.HTTPError) as caught:
        call(server, "img2img", {"prompt": "x", "init_images": [star], "mask": png(Image.new("L", (64, 64), "white"))})
    assert (caught.value.code, json.loads(caught.value.read())["field"]) == (422, "mask")
    assert len(server.session.runs()) == before
