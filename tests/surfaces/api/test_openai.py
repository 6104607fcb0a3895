"""OpenAI's own client works here with another ``base_url``."""

import base64
from io import BytesIO

import openai
import pytest
from PIL import Image


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
    assert Image.open(BytesIO(server.client.get(answer.data[0].url).content)).size == (128, 128)


def test_their_newer_models_answer_with_base64(client):
    answer = client.images.generate(prompt="a star", model="gpt-image-1", quality="high", **FEW)
    assert answer.data[0].b64_json
    assert answer.model_extra["warnings"] == ["quality is not supported; ignored"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"size": "25x25"}, "size"),
        ({"model": "nope"}, "model"),
        ({"prompt": ""}, "prompt"),
        ({"n": 0.5}, "n"),
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
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.images.generate(prompt="a star")


def test_the_models_are_listed(client):
    assert "spark" in [model.id for model in client.models.list()]
