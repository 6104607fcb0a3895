"""OpenAI's own client works here with another ``base_url``."""

import base64
from io import BytesIO

import httpx
import openai
import pytest
from PIL import Image

from tests import here


def png(image):
    image.save(data := BytesIO(), "PNG")
    return data.getvalue()


def opened(one):
    return Image.open(BytesIO(base64.b64decode(one.b64_json)))


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.token, max_retries=0) as client:
        yield client


FEW = {"size": "128x128"}


def test_pictures_as_base64(client):
    answer = client.images.generate(
        prompt="a red circle on white", model="spark", n=2, response_format="b64_json", **FEW
    )
    assert [Image.open(BytesIO(base64.b64decode(one.b64_json))).size for one in answer.data] == [(128, 128)] * 2


def test_pictures_as_addresses_on_this_server(client, server):
    answer = client.images.generate(prompt="a red circle on white", model="dall-e-2", **FEW)
    assert answer.data[0].url.startswith(server.url)
    without_token = httpx.get(answer.data[0].url)
    assert Image.open(BytesIO(without_token.content)).size == (128, 128)
    other = answer.data[0].url.replace("/api/pictures/", "/api/pictures/x")
    assert httpx.get(other).status_code == 401


def test_their_newer_models_answer_with_base64(client):
    answer = client.images.generate(prompt="a star", model="gpt-image-1", quality="low", moderation="low", **FEW)
    with_half_the_steps = opened(answer.data[0])
    assert f"Steps: {here.card('spark').defaults.steps // 2}," in with_half_the_steps.info["parameters"]
    assert answer.model_extra["warnings"] == ["moderation has no effect; ignored"]


def test_a_picture_is_changed_where_its_mask_is_transparent(client):
    star = png(Image.new("RGB", (96, 64), "navy"))
    mask = Image.new("RGBA", (96, 64), "white")
    mask.paste((255, 255, 255, 0), (0, 0, 48, 64))
    answer = client.images.edit(
        image=star, mask=png(mask), prompt="a star", model="dall-e-2", response_format="b64_json"
    )
    made = opened(answer.data[0]).convert("RGB")
    assert made.crop((48, 0, 96, 64)).getcolors() == [(48 * 64, (0, 0, 128))]
    assert made.crop((0, 0, 48, 64)).getcolors() != [(48 * 64, (0, 0, 128))]


def test_a_picture_is_changed_all_over_without_a_mask(client):
    start = ("start.png", png(Image.new("RGB", (96, 64), "navy")), "image/png")
    answer = client.images.edit(image=[start], prompt="a star", model="gpt-image-1", n=2, size="192x128")
    assert [opened(one).size for one in answer.data] == [(192, 128)] * 2


def test_variations(client):
    answer = client.images.create_variation(
        image=png(Image.new("RGB", (96, 64), "navy")), n=2, size="128x128", response_format="b64_json"
    )
    assert [opened(one).size for one in answer.data] == [(128, 128)] * 2


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"image": b"no picture"}, "image"),
        ({"mask": png(Image.new("RGBA", (64, 64)))}, "mask"),
        ({"mask": png(Image.new("RGBA", (64, 64))), "size": "128x128"}, "mask"),
        ({"mask": png(Image.new("L", (96, 64)))}, "mask"),
        ({"size": "25x25"}, "size"),
        ({"n": "many"}, "n"),
        ({"prompt": ""}, "prompt"),
        ({"background": "transparent"}, "background"),
        ({"image": [png(Image.new("RGB", (96, 64)))] * 2}, "image"),
    ],
)
def test_what_is_wrong_with_an_edit_names_the_field(client, wrong, field):
    with pytest.raises(openai.APIStatusError) as caught:
        client.images.edit(**{"image": png(Image.new("RGB", (96, 64))), "prompt": "a star", "model": "spark", **wrong})
    assert (caught.value.status_code, caught.value.body["param"]) == (422, field)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"size": "25x25"}, "size"),
        ({"model": "nope"}, "model"),
        ({"prompt": ""}, "prompt"),
        ({"n": 0.5}, "n"),
        ({"quality": "finest"}, "quality"),
        ({"extra_body": {"quality": ["hd"]}}, "quality"),
        ({"style": "natural"}, "style"),
        ({"background": "transparent"}, "background"),
        ({"response_format": "gif"}, "response_format"),
        ({"output_format": "webp"}, "output_format"),
        ({"extra_body": {"promt": "x"}}, "promt"),
    ],
)
def test_what_is_wrong_is_their_bad_request_and_names_the_field(client, wrong, field):
    with pytest.raises(openai.APIStatusError) as caught:
        client.images.generate(**{"prompt": "a star", "model": "spark", **wrong})
    assert 400 <= caught.value.status_code < 500
    assert caught.value.body["param"] == field


def test_a_wrong_key_is_their_authentication_error(server):
    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        stranger.images.generate(prompt="a star")
    assert caught.value.body["type"] == "invalid_request_error"


def test_the_models_are_listed(client):
    assert "spark" in [model.id for model in client.models.list()]
