"""What all of a guide's parts have in common: they change the picture, and leave the model as it was."""

from dataclasses import replace

import pytest
import torch

from studio.diffusion.engine import Engine
from studio.errors import InputError
from studio.parameters.conditioning import NO_GUIDE, ControlImage, Guide, ReferenceImage
from studio.parameters.sampling import Sampling
from studio.steps import edit, generate, inpaint, region
from tests import here
from tests.diffusion import small

PROMPT = "a red star <new> on white"


@pytest.fixture(scope="module")
def engine():
    return Engine(here.pipelines(), 3)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a small Stable Diffusion 1."""
    return str(small.sd1(tmp_path_factory.mktemp("models") / "small").path)


@pytest.fixture(scope="module")
def unet(engine, model):
    return engine.pipelines.get(here.card(model), "text-to-image").unet


@pytest.fixture(scope="module")
def guides(tmp_path_factory, unet):
    """One guide of each kind, at a weight that can be changed."""
    home, picture = tmp_path_factory.mktemp("parts"), small.drawing()
    net, adapter = small.controlnet(home / "net", unet=unet), small.t2i_adapter(home / "adapter")
    ip, word, vae = (
        small.ip_adapter(home / "ip", unet=unet),
        small.embedding(home / "word.safetensors"),
        small.vae(home / "vae"),
    )
    return {
        "controlnet": lambda weight=1.0: Guide(controls=(ControlImage(net, picture, weight),)),
        "t2i-adapter": lambda weight=1.0: Guide(controls=(ControlImage(adapter, picture, weight, adapter=True),)),
        "reference": lambda weight=1.0: Guide(references=(ReferenceImage(ip, picture, weight),)),
        "region": lambda weight=1.0: region.run(None, "a blue moon on black", "left"),
        "embedding": lambda weight=1.0: Guide(embeddings=(("<new>", word),)),
        "vae": lambda weight=1.0: Guide(vae=vae),
    }


@pytest.fixture(scope="module")
def draw(engine, model):
    """A picture in three steps."""

    def drawn(guide=NO_GUIDE, prompt=PROMPT, report=lambda step, steps: None, own=engine):
        return generate.run(
            replace(own, report=report), prompt, sampling=Sampling(steps=3, model=model, guide=guide), size=(64, 64)
        )

    return drawn


@pytest.fixture(scope="module")
def pipeline(engine, model):
    return engine.pipelines.get(here.card(model), "text-to-image")


KINDS = ["controlnet", "t2i-adapter", "reference", "region", "embedding", "vae"]


@pytest.fixture(scope="module")
def plain(draw):
    return draw()


@pytest.mark.parametrize("kind", KINDS)
def test_it_changes_the_picture_and_then_all_is_as_it_was(kind, draw, pipeline, guides, plain):
    before = small.state(pipeline)
    made = draw(guides[kind]())
    assert made.size == plain.size
    assert made != plain
    assert small.state(pipeline) == before
    assert draw() == plain


@pytest.mark.parametrize("kind", KINDS[:3])
def test_a_weight_of_nothing_changes_nothing(kind, draw, guides, plain):
    assert draw(guides[kind](0.0)) == plain


@pytest.mark.parametrize("kind", KINDS)
def test_it_works_from_a_picture_and_in_a_part_of_one(kind, engine, model, guides):
    mask = small.drawing(6).convert("L").point(lambda level: 255 * (level > 127))
    for step, rest in ((edit, {"size": (64, 64)}), (inpaint, {"mask": mask})):
        asked = {"image": small.drawing(5), "prompt": PROMPT, "strength": 0.9, "steps": 3, "model": model, **rest}
        assert small.run(step, engine, **asked) != small.run(step, engine, **asked, guide=guides[kind]())


@pytest.mark.parametrize("kind", KINDS)
def test_after_an_error_all_is_as_it_was_too(kind, draw, pipeline, guides):
    before = small.state(pipeline)

    def stop(step, steps):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw(guides[kind](), report=stop)
    assert small.state(pipeline) == before


def test_they_work_together(draw, pipeline, guides):
    before, everything = small.state(pipeline), NO_GUIDE
    for kind in KINDS:
        everything = everything + guides[kind]()
    made = draw(everything)
    assert all(made != draw(guides[kind]()) for kind in KINDS)
    assert small.state(pipeline) == before


def test_switching_between_modes_loads_nothing_twice(draw, engine, model, guides):
    """As many parameters, in the same places, of the same precision, whichever pipeline they are seen through."""
    tasks = ("text-to-image", "image-to-image", "inpaint")
    seen = [small.state(engine.pipelines.get(here.card(model), task)) for task in tasks]
    assert seen[0] == seen[1] == seen[2]
    for kind in KINDS * 2:
        draw(guides[kind]())
        assert small.state(engine.pipelines.get(here.card(model), "inpaint")) == seen[0]


def test_a_part_is_loaded_once(draw, pipeline, guides, monkeypatch):
    draw(guides["controlnet"]())
    monkeypatch.setattr("diffusers.ControlNetModel.from_pretrained", None)
    draw(guides["controlnet"]())


@pytest.mark.parametrize("kind", KINDS)
def test_each_picture_of_a_batch_is_the_picture_alone(kind, draw, guides, engine):
    """But for rounding."""
    batch = small.together(engine, (1, 2), lambda own: draw(guides[kind](), own=own))
    alone = [draw(guides[kind](), own=replace(engine, seed=seed)) for seed in (1, 2)]
    assert all(small.difference(one, other) <= 1 for one, other in zip(batch, alone, strict=True))


def test_sdxl_takes_them_all(engine, card, tmp_path):
    """But for a T2I-Adapter. It has two text encoders, and pooled words besides; all is as it was afterwards."""
    from safetensors.torch import save_file

    model = card("sdxl")
    pipeline = engine.pipelines.get(model, "text-to-image")
    unet = pipeline.unet
    widths = [e.get_input_embeddings().embedding_dim for e in (pipeline.text_encoder, pipeline.text_encoder_2)]
    words = {key: torch.randn(2, width) for key, width in zip(("clip_l", "clip_g"), widths, strict=True)}
    save_file(words, tmp_path / "w.safetensors")
    picture, ip = small.drawing(), small.ip_adapter(tmp_path / "ip", unet=unet)
    asked = {"steps": 2, "size": (64, 64), "model": str(model.path)}
    plain = small.run(generate, engine, prompt=PROMPT, **asked)
    before = small.state(pipeline)
    guides = [
        Guide(references=(ReferenceImage(ip, picture),)),
        Guide(embeddings=(("<new>", str(tmp_path / "w.safetensors")),)),
        region.run(None, "a blue moon on black", "left"),
    ]
    for guide in guides:
        assert small.run(generate, engine, prompt=PROMPT, **asked, guide=guide) != plain
        assert small.state(pipeline) == before
    assert small.run(generate, engine, prompt=PROMPT, **asked) == plain


@pytest.mark.parametrize(("kind", "said"), [("region", "area"), ("embedding", "embedding"), ("reference", "reference")])
def test_a_family_without_it_refuses_it_by_name(kind, said, engine, card, guides):
    model = card("sd3")
    with pytest.raises(InputError, match=f"Stable Diffusion 3 does not support {said}"):
        generate.run(
            engine, PROMPT, sampling=Sampling(steps=2, model=str(model.path), guide=guides[kind]()), size=(64, 64)
        )


def test_a_family_without_controlnets_says_so(engine, card, guides):
    model = card("pixart")
    with pytest.raises(InputError, match="cannot do controlnet, only text-to-image"):
        generate.run(
            engine,
            PROMPT,
            sampling=Sampling(steps=2, model=str(model.path), guide=guides["controlnet"]()),
            size=(64, 64),
        )


def test_a_vae_with_other_latents_is_refused_by_name(engine, tmp_path):
    small.kl_vae(16).save_pretrained(tmp_path / "other")
    with pytest.raises(InputError, match="the VAE 'other' has other latents than this model"):
        generate.run(engine, PROMPT, sampling=Sampling(steps=2, guide=Guide(vae=str(tmp_path / "other"))))


def test_a_vae_in_one_file_is_taken(engine, card, tmp_path):
    """With the configuration of the model's own, whose class it has."""
    model = card("sd1")
    own = engine.pipelines.get(model, "text-to-image").vae
    other = small.shaken(type(own).from_config(own.config), 3)
    other.save_pretrained(tmp_path / "vae")
    (file := tmp_path / "vae.safetensors").write_bytes(
        (tmp_path / "vae" / "diffusion_pytorch_model.safetensors").read_bytes()
    )
    asked = {"steps": 2, "size": (64, 64), "model": str(model.path)}
    folder, single = (
        small.run(generate, engine, prompt=PROMPT, **asked, guide=Guide(vae=str(path)))
        for path in (tmp_path / "vae", file)
    )
    assert single == folder != small.run(generate, engine, prompt=PROMPT, **asked)


@pytest.mark.parametrize(
    "prompt", ["a blue moon on black", "a (blue:1.4) moon BREAK on [black]", "a moon, " * 20, r"a \(moon\)"]
)
def test_an_area_that_is_everything_is_the_prompt_itself(prompt, draw):
    """With its weights, chunks and escapes."""
    whole = region.run(None, prompt, "all")
    assert small.difference(draw(whole, prompt="a red star"), draw(prompt=prompt)) <= 1


def test_an_areas_prompt_is_read_by_the_same_layer(engine, model):
    asked = {"prompt": "a star", "steps": 2, "size": (64, 64), "model": model}
    whole, other = (
        small.run(generate, engine, **asked | words, guide=guide, clip_skip=2)
        for words, guide in (({}, region.run(None, "a moon", "all")), ({"prompt": "a moon"}, NO_GUIDE))
    )
    assert small.difference(whole, other) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_it_takes_the_precision_of_the_model(kind, model, guides, monkeypatch):
    monkeypatch.setattr("studio.diffusion.pipelines.pick_dtype", lambda device: torch.bfloat16)
    other = Engine(here.pipelines(), 3)
    pipeline = other.pipelines.get(here.card(model), "text-to-image")
    asked = {"steps": 2, "size": (64, 64), "model": model}
    plain = small.run(generate, other, prompt=PROMPT, **asked)
    before = small.state(pipeline)
    assert small.run(generate, other, prompt=PROMPT, **asked, guide=guides[kind]()) != plain
    assert pipeline.unet.dtype == torch.bfloat16
    assert small.state(pipeline) == before


def test_areas_see_what_an_adapter_sees(guides, draw):
    """The U-Net uses up the features it is given, and an area is one more pass."""
    everywhere = region.run(None, PROMPT.replace("<new>", ""), "all")
    prompt = PROMPT.replace("<new>", "")
    apart = small.difference(draw(guides["t2i-adapter"]() + everywhere, prompt), draw(guides["t2i-adapter"](), prompt))
    assert apart <= 1


def test_a_setting_that_a_pipeline_is_lent_is_taken_back(engine, card):
    """Chroma's pipeline for inpainting asks its transformer for one that it has not."""
    model = card("chroma")
    transformer = engine.pipelines.get(model, "inpaint").transformer
    before = dict(transformer.config)
    asked = {"image": small.drawing(), "mask": small.drawing(6).convert("L"), "steps": 2, "model": str(model.path)}
    made = [small.run(inpaint, engine, prompt=prompt, **asked) for prompt in ("a star", "zebra")]
    assert made[0] != made[1]
    assert dict(transformer.config) == before
