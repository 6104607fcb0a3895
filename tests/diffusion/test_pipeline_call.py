"""Pictures of different words in one forward pass: each is as it is alone, whatever its neighbours say."""

from dataclasses import replace

import pytest

from studio.diffusion.oom_retry import draw
from studio.diffusion.sample_request import SampleRequest, batch_of
from studio.errors import InputError
from studio.parameters.conditioning import Guide, Region
from studio.parameters.request import Request
from studio.prompts.lora import Lora
from tests import here
from tests.diffusion import small
from tests.lora import lorafiles

LONG = "a small red circle on white, flat, " * 8  # more than one chunk of any tokenizer here
ASKED = Request(prompt="a red circle on white", steps=3, guidance=4.0, width=64, height=64)


@pytest.fixture(scope="module")
def spark():
    return here.card("spark")


@pytest.fixture(scope="module")
def pipelines():
    return here.pipelines()


@pytest.fixture(scope="module")
def orders(pipelines, spark):
    """Orders for a model, Spark where none is given, and what will have been noted of their passes."""

    def ordered(requests, card=None):
        notes = [[] for _ in requests]
        asked = enumerate(zip(requests, notes, strict=True))
        return [
            SampleRequest(pipelines, card or spark, request.with_prompt_loras(), n, lambda *_: None, noted.append)
            for n, (request, noted) in asked
        ], notes

    return ordered


@pytest.fixture(scope="module")
def together(orders):
    """Makes requests in passes and alone, finds each as it is alone, and gives the size of each one's pass."""

    def made(requests, card=None):
        ordered, notes = orders(requests, card)
        pictures = small.make(ordered)
        for order, picture in zip(ordered, pictures, strict=True):
            assert small.difference(picture, draw(order)) <= 1
        return [noted[0]["pictures"] for noted in notes], pictures

    return made


def test_prompts_negatives_weights_and_schedules_share_a_pass(together):
    asked = [
        replace(ASKED, prompt="a (red:1.4) circle on white", negative_prompt="blue"),
        replace(ASKED, prompt="[a red circle:a blue star:2] on navy"),
        replace(ASKED, prompt="a green moon", negative_prompt="(dark:0.5), dull"),
    ]
    sizes, pictures = together(asked)
    assert sizes == [3, 3, 3]
    assert small.difference(pictures[0], pictures[2]) > 20


def test_parts_joined_by_and_keep_their_own_weights(together):
    asked = [
        replace(ASKED, prompt="a red circle AND a blue star :0.4"),
        replace(ASKED, prompt="a green moon :0.7 AND white stars"),
        ASKED,
    ]
    assert together(asked)[0] == [2, 2, 1]


def test_longer_prompts_go_with_longer_ones(together):
    asked = [ASKED, replace(ASKED, prompt=LONG), replace(ASKED, prompt="a star"), replace(ASKED, prompt=LONG + "x")]
    assert together(asked)[0] == [2, 2, 2, 2]


def test_start_pictures_and_masks_are_each_ones_own(together):
    whole = small.drawing(9).convert("L").point(lambda level: 255 * (level > 128))
    asked = [
        replace(ASKED, prompt=f"a {colour} star", steps=4, strength=0.7, image=small.drawing(n), mask=mask)
        for n, colour in enumerate(("red", "blue", "green"))
        for mask in (None, whole.rotate(90 * n))
    ]
    assert together(asked)[0] == [3] * 6


@pytest.mark.parametrize("change", [{"steps": 4}, {"guidance": 2.0}, {"sampler": "Euler"}, {"clip_skip": 2},
                                    {"width": 128}, {"guide": Guide(vae="other")}])  # fmt: skip
def test_what_changes_the_pass_itself_keeps_pictures_apart(orders, change):
    ordered, _ = orders([ASKED, replace(ASKED, **change), replace(ASKED, prompt="x")])
    assert batch_of(ordered, 8) == [ordered[0], ordered[2]]


def test_a_pass_takes_so_many_and_the_prompts_nearest_in_length(orders):
    lengths = (20, 3, 90, 18, 25)
    ordered, _ = orders([replace(ASKED, prompt="x" * length) for length in lengths])
    assert [len(order.request.prompt) for order in batch_of(ordered, 3)] == [20, 18, 25]


def test_families_may_be_called_otherwise_by_the_words(orders, card):
    """FLUX.1 is run twice a step where there is a negative prompt."""
    ordered, _ = orders([replace(ASKED, negative_prompt=negative) for negative in ("", "dark", "")], card("flux1"))
    assert batch_of(ordered, 8) == [ordered[0], ordered[2]]


def test_pictures_with_the_same_loras_and_areas_share_a_pass(together, pipelines, spark, tmp_path):
    home, pipeline = tmp_path / "one.safetensors", pipelines.get(spark, "text-to-image")
    path = lorafiles.file(home, pipeline, lorafiles.lora, components=("unet", "text_encoder"), size=0.3, every=4)[0]
    area = Region("a yellow moon", small.drawing(3).convert("L"))
    lora = Guide(loras=(Lora.parse(f"{path}:0.8"),))
    worn = [replace(ASKED, prompt=words, guide=lora) for words in ("a red circle", "a blue star")]
    areas = [replace(ASKED, prompt=words, guide=Guide(regions=(area,))) for words in ("a red circle", "a star on navy")]
    sizes, pictures = together([worn[0], areas[0], ASKED, worn[1], areas[1]])
    assert sizes == [2, 2, 1, 2, 2]
    assert len({picture.tobytes() for picture in pictures}) == 5


def test_a_learned_word_must_be_in_each_prompt(orders, tmp_path):
    guide = Guide(embeddings=(("<new>", small.embedding(tmp_path / "word.safetensors")),))
    asked = [replace(ASKED, prompt=prompt, guide=guide) for prompt in ("a <new> star", "a star")]
    with pytest.raises(InputError, match="'<new>' is not in the prompt"):
        small.make(orders(asked)[0])


def test_sdxl_packs_with_its_pooled_words(together, card):
    asked = [
        replace(ASKED, prompt="a red star", negative_prompt="blue"),
        replace(ASKED, prompt="(two:1.2) moons on a pale yellow ground"),
        replace(ASKED, prompt="a AND b :0.5"),
        replace(ASKED, prompt="c :0.5 AND d", negative_prompt="e"),
    ]
    assert together(asked, card("sdxl"))[0] == [2, 2, 2, 2]


def test_loras_that_prompts_name_keep_pictures_apart(orders):
    named = [replace(ASKED, prompt=f"a star <lora:neon:{weight}>") for weight in (0.5, 0.7, 0.5)]
    ordered, _ = orders([*named, ASKED])
    assert batch_of(ordered, 4) == [ordered[0], ordered[2]]
