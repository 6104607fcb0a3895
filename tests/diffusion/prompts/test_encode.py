"""On Spark, and on small SDXL text encoders: what the studio makes of a prompt, against the pipeline's own."""

import pytest
import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from studio import plugins
from studio.diffusion.engine import Engine
from studio.diffusion.prompts import encode
from studio.errors import InputError
from studio.families.base.request_check import check
from studio.parameters.request import Request
from tests import here
from tests.diffusion import small
from tests.diffusion.small import difference

PLAIN = ["a red circle on white", "", "a smile :) (and {more}", "three yellow stars, flat illustration", "16:9"]


@pytest.fixture(scope="module")
def loaded():
    return here.pipelines()


@pytest.fixture(scope="module")
def spark(loaded):
    return loaded.get(here.card("spark"), "text-to-image")


@pytest.fixture(scope="module")
def sdxl(spark):
    """The parts of SDXL that read a prompt, with two text encoders of different width."""
    from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel

    tokenizer = spark.tokenizer
    marks = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": 0}
    sizes = {"vocab_size": len(tokenizer), "intermediate_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2,
             "max_position_embeddings": 32}  # fmt: skip
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(16, 32), layers_per_block=1, norm_num_groups=8, attention_head_dim=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=40, addition_embed_type="text_time", addition_time_embed_dim=4,
        projection_class_embeddings_input_dim=6 * 4 + 20,
    )  # fmt: skip
    return StableDiffusionXLPipeline(
        AutoencoderKL(block_out_channels=(8,), norm_num_groups=8, latent_channels=4),
        CLIPTextModel(CLIPTextConfig(hidden_size=16, **sizes, **marks)),
        CLIPTextModelWithProjection(CLIPTextConfig(hidden_size=24, projection_dim=20, **sizes, **marks)),
        tokenizer, tokenizer, unet, EulerDiscreteScheduler(),
    )  # fmt: skip


def asked(prompt, negative="", **more):
    return Request(
        prompt=prompt, negative_prompt=negative, **{"steps": 4, "guidance": 2.0, "width": 64, "height": 64, **more}
    )


def read(pipeline, prompt, **more):
    return encode.encode_steps(pipeline, asked(prompt, **more))[0].parts[0][1]


def hidden(pipeline, prompt, **more):
    return read(pipeline, prompt, **more).hidden


@pytest.mark.parametrize("prompt", PLAIN)
def test_plain_words_are_embedded_exactly_as_by_the_pipeline(spark, prompt):
    positive, negative = spark.encode_prompt([prompt], torch.device("cpu"), 1, True, ["blue"])
    (one, *_) = encode.encode_steps(spark, asked(prompt, "blue"))
    assert torch.equal(one.parts[0][1].hidden, positive)
    assert torch.equal(one.negative.hidden, negative)


@pytest.mark.parametrize("prompt", PLAIN)
def test_plain_words_are_embedded_exactly_as_by_sdxl(sdxl, prompt):
    positive, negative, pooled, negative_pooled = sdxl.encode_prompt([prompt], negative_prompt=["blue"])
    (one, *_) = encode.encode_steps(sdxl, asked(prompt, "blue"))
    assert torch.equal(one.parts[0][1].hidden, positive)
    assert torch.equal(one.parts[0][1].pooled, pooled)
    assert torch.equal(one.negative.hidden, negative)
    assert torch.equal(one.negative.pooled, negative_pooled)


def test_no_negative_prompt_is_zeros_where_sdxl_wants_it(sdxl):
    (one, *_) = encode.encode_steps(sdxl, asked("a star"))
    _, negative, _, pooled = sdxl.encode_prompt(["a star"])
    assert torch.equal(one.negative.hidden, negative)
    assert torch.equal(one.negative.pooled, pooled)
    sdxl.register_to_config(force_zeros_for_empty_prompt=False)
    assert encode.encode_steps(sdxl, asked("a star"))[0].negative.hidden.any()
    sdxl.register_to_config(force_zeros_for_empty_prompt=True)


def test_a_plain_prompt_gives_the_pipeline_s_own_picture(loaded, spark):
    ours = Engine(loaded, 7).denoise(here.card("spark"), asked("a red circle", "dark", width=256, height=256))
    theirs = spark(["a red circle"], negative_prompt=["dark"], num_inference_steps=4, guidance_scale=2.0, width=256,
                   height=256, generator=[torch.Generator().manual_seed(7)]).images[0]  # fmt: skip
    assert ours.tobytes() == theirs.tobytes()


def test_a_weight_multiplies_the_embeddings_of_its_words_alone(spark):
    plain, weighted = hidden(spark, "a red circle"), hidden(spark, "a (red:1.3) circle")
    ratio = (weighted / plain)[0].mean(dim=-1)
    assert ratio.tolist() == pytest.approx([1, 1, 1.3, *[1] * 29], abs=1e-4)
    assert torch.equal(hidden(spark, "a (red:1) circle"), plain)


def test_a_weight_counts_in_both_encoders_and_not_in_what_is_pooled(sdxl):
    plain, weighted = read(sdxl, "a red circle"), read(sdxl, "a (red:1.3) circle")
    assert torch.allclose(weighted.hidden[0, 2], plain.hidden[0, 2] * 1.3)
    assert torch.equal(weighted.pooled, plain.pooled)


def test_what_is_longer_than_the_encoder_reads_is_read_in_chunks(spark):
    long = " ".join(["red"] * 70)
    made = hidden(spark, long)
    assert made.shape == (1, 3 * 32, 160)
    for n, words in enumerate((30, 30, 10)):
        assert torch.allclose(made[:, 32 * n : 32 * (n + 1)], hidden(spark, " ".join(["red"] * words)), atol=1e-5)


def test_a_chunk_ends_after_a_comma_that_is_near_its_end(spark):
    made = hidden(spark, " ".join(["red"] * 20) + ", " + " ".join(["blue"] * 15))
    first, second = hidden(spark, " ".join(["red"] * 20) + ","), hidden(spark, " ".join(["blue"] * 15))
    assert torch.allclose(made, torch.cat([first, second], dim=1), atol=1e-5)


def test_break_begins_a_chunk(spark):
    made = hidden(spark, "a red circle BREAK a blue star")
    expected = torch.cat([hidden(spark, "a red circle"), hidden(spark, "a blue star")], dim=1)
    assert torch.allclose(made, expected, atol=1e-5)


def test_the_shorter_of_prompt_and_negative_prompt_is_padded(spark, sdxl):
    for pipeline in (spark, sdxl):
        for prompt, negative in (("a BREAK b BREAK c", "dark"), ("a", "dark BREAK light")):
            (one, *_) = encode.encode_steps(pipeline, asked(prompt, negative))
            assert one.parts[0][1].hidden.shape == one.negative.hidden.shape
    (one, *_) = encode.encode_steps(spark, asked("a BREAK b", "dark"))
    assert torch.allclose(one.negative.hidden[:, 32:], hidden(spark, ""), atol=1e-5)


def test_clip_skip_takes_an_earlier_layer(spark, sdxl):
    said = spark.text_encoder(
        torch.tensor([spark.tokenizer("a star", padding="max_length").input_ids]), output_hidden_states=True
    )
    assert torch.equal(
        hidden(spark, "a star", clip_skip=2), spark.text_encoder.final_layer_norm(said.hidden_states[-2])
    )
    expected = sdxl.encode_prompt(["a star"], clip_skip=1)[0]
    assert torch.equal(hidden(sdxl, "a star", clip_skip=2), expected)


@pytest.mark.parametrize(("name", "most"), [("spark", 3), ("sdxl", 3)])
def test_a_clip_skip_beyond_the_layers_says_how_many_there_are(name, most, request):
    pipeline = request.getfixturevalue(name)
    hidden(pipeline, "a", clip_skip=most)
    with pytest.raises(InputError, match=f"clip skip {most + 1} is more .* take 1 to {most}"):
        hidden(pipeline, "a", clip_skip=most + 1)


def drawn(loaded, prompt, negative="", seed=7, **more):
    request = asked(prompt, negative, **{"width": 256, "height": 256, **more})
    return Engine(loaded, seed).denoise(here.card("spark"), request)


def test_a_schedule_changes_the_words_when_its_step_comes(loaded):
    one, other = drawn(loaded, "a red circle"), drawn(loaded, "a blue star")
    assert difference(drawn(loaded, "[a red circle:a blue star:0.0]"), other) == 0
    assert difference(drawn(loaded, "[a red circle:a blue star:4]"), one) == 0
    between = drawn(loaded, "[a red circle:a blue star:0.5]")
    assert difference(between, one) > 20
    assert difference(between, other) > 20
    assert difference(between, drawn(loaded, "[a red circle:a blue star:2]")) == 0


def test_a_schedule_works_where_a_sampler_counts_more_steps(loaded):
    """Heun asks the model twice a step: half of 4 steps is then after 4 of 7 looks."""
    later = drawn(loaded, "[a red circle:a blue star:3]", sampler="Heun")
    assert difference(later, drawn(loaded, "a red circle", sampler="Heun")) > 5
    assert difference(later, drawn(loaded, "a blue star", sampler="Heun")) > 5


def test_words_that_stay_the_same_are_read_once_for_all_steps(spark, monkeypatch):
    reads = []
    forward = spark.text_encoder.forward
    monkeypatch.setattr(spark.text_encoder, "forward", lambda *a, **k: reads.append(1) or forward(*a, **k))
    encode.encode_steps(spark, asked("[a red:a blue:0.5] circle", "grey", steps=20))
    assert len(reads) == 4  # two wordings, the negative prompt and the empty chunk


def test_the_negative_prompt_may_change_too_and_words_may_take_turns(loaded):
    plain = drawn(loaded, "a circle", "red")
    assert difference(drawn(loaded, "a circle", "[red:blue:2]"), plain) > 5
    assert difference(drawn(loaded, "a [circle|star]", "red"), plain) > 5
    assert difference(drawn(loaded, "a [circle|circle]", "red"), plain) == 0


def test_and_of_the_same_words_is_those_words(loaded):
    halves = drawn(loaded, "a red circle :0.5 AND a red circle :0.5")
    assert difference(halves, drawn(loaded, "a red circle")) <= 1


def test_and_adds_what_each_part_changes(loaded):
    """A part of weight 1 and one of weight 0 is the first alone; guidance g with weight w is guidance g·w."""
    assert difference(drawn(loaded, "a red circle AND a blue star :0"), drawn(loaded, "a red circle")) <= 1
    stronger = drawn(loaded, "a red circle AND a red circle", guidance=2.0)
    assert difference(stronger, drawn(loaded, "a red circle", guidance=4.0)) <= 1
    assert difference(drawn(loaded, "a red circle AND a blue star"), drawn(loaded, "a red circle")) > 20


def test_and_works_in_sdxl_with_its_pooled_words(sdxl):
    from studio.diffusion.prompts.prompt_scheduling import PromptSchedule

    def made(prompt):
        words = PromptSchedule([encode.encode_steps(sdxl, asked(prompt, "dark"))] * 2)
        with words.applied_to(sdxl):
            result = sdxl(
                num_inference_steps=3, guidance_scale=3.0, width=16, height=16, output_type="latent",
                generator=[torch.Generator().manual_seed(n) for n in (1, 2)], **words.arguments(),
                **words.callback(sdxl),
            )  # fmt: skip
        return result.images

    sdxl.set_progress_bar_config(disable=True)
    plain = made("a red circle")
    assert torch.allclose(made("a red circle AND a blue star :0"), plain, atol=1e-4)
    assert not torch.allclose(made("a red circle AND a blue star"), plain, atol=1e-3)
    assert not torch.allclose(made("[a red circle:a blue star:1]"), plain, atol=1e-4)
    assert torch.allclose(made("[a red circle:a blue star:3]"), plain, atol=1e-6)


def test_instructions_take_and_and_words_that_change_too(loaded, tmp_path):
    card = small.spark_with(8, tmp_path / "instructed")

    def made(prompt, **more):
        given = {"image": small.drawing(size=(64, 64)), "instruction": True, "likeness": 1.5}
        return Engine(loaded, 7).denoise(card, asked(prompt, "dark", **given | more))

    plain = made("a red circle")
    assert difference(made("a red circle :0.5 AND a red circle :0.5"), plain) <= 1
    assert difference(made("a red circle AND a blue star :0"), plain) <= 1
    assert difference(made("a red circle AND a blue star"), plain) > 5
    assert difference(made("[a red circle:a blue star:4]"), plain) == 0
    assert difference(made("[a red circle:a blue star:2]"), plain) > 2


def test_a_pipeline_that_calls_nothing_takes_no_words_that_change(sdxl):
    from diffusers import StableDiffusionXLInstructPix2PixPipeline

    from studio.diffusion.prompts.prompt_scheduling import PromptSchedule

    words = PromptSchedule([encode.encode_steps(sdxl, asked("[a:b:2]"))])
    with pytest.raises(InputError, match="a prompt that changes between steps does not work for this task"):
        words.callback(StableDiffusionXLInstructPix2PixPipeline.from_pipe(sdxl, torch_dtype=torch.float32))


def test_and_is_refused_where_nothing_pulls_two_ways(loaded):
    with pytest.raises(InputError, match="AND needs guidance above 1"):
        drawn(loaded, "a AND b", guidance=1.0)
    with pytest.raises(InputError, match="AND joins prompts, not negative"):
        drawn(loaded, "a", "b AND c")
    assert not loaded.get(here.card("spark"), "text-to-image").unet._forward_hooks


def test_image_to_image_counts_the_steps_that_run(loaded):
    from PIL import Image

    start = {"image": Image.new("RGB", (256, 256), "gray"), "strength": 0.5, "steps": 8}
    whole = drawn(loaded, "[a red circle:a blue star:4]", **start)
    assert difference(whole, drawn(loaded, "a red circle", **start)) == 0


@pytest.fixture
def t5():
    """A family whose prompts T5 reads, which knows no weights."""
    return plugins.find("families", "pixart").FAMILY


@pytest.mark.parametrize("mark", ["(red:1.3)", "(red)", "[red]", "[a:b:0.5]", "[a|b]", "BREAK", "AND"])
def test_a_family_without_weights_refuses_them_by_name(t5, mark):
    import re

    for request in (asked(f"a {mark} b"), asked("a", f"a {mark} b")):
        with pytest.raises(
            InputError, match=re.escape(f"{t5.title} reads plain words, so '{mark}' would have no effect")
        ):
            check(t5, request)


def test_a_family_without_weights_takes_plain_words_and_escapes(t5):
    request = asked(r"a smile :) \(really\)", "16:9")
    check(t5, request)
    assert encode.plain_prompts(request).prompt == "a smile :) (really)"
    with pytest.raises(InputError, match="has no clip skip"):
        check(t5, asked("a", clip_skip=2))


@pytest.mark.parametrize(
    ("prompt", "complaint"),
    [("a <lora:ink:0.8> cat", "there is no LoRA 'ink'"),
     ("a {red|blue} cat", r"'{red\|blue}' is a wildcard"), ("a __colour__ cat", "'__colour__' is a wildcard")],
)  # fmt: skip
def test_what_nobody_would_act_on_is_refused(loaded, prompt, complaint):
    with pytest.raises(InputError, match=complaint):
        drawn(loaded, prompt)
