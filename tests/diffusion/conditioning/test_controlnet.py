from dataclasses import replace

import pytest
import torch

from studio.diffusion.engine import Engine
from studio.errors import InputError
from studio.parameters.conditioning import ControlImage, Guide
from studio.parameters.sampling import Sampling
from studio.steps import control, edit, generate, inpaint
from tests import here
from tests.diffusion import small


@pytest.fixture(scope="module")
def engine():
    return Engine(here.pipelines(), 3)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def model(home):
    return str(small.sd1(home / "small").path)


@pytest.fixture(scope="module")
def unet(engine, model):
    return engine.pipelines.get(here.card(model), "text-to-image").unet


@pytest.fixture(scope="module")
def nets(home, unet):
    return [small.controlnet(home / f"net{seed}", seed, unet) for seed in (1, 2)]


@pytest.fixture(scope="module")
def adapter(home):
    return small.t2i_adapter(home / "adapter")


def draw(engine, model, *controls, steps=4):
    return generate.run(
        engine,
        "a star",
        sampling=Sampling(steps=steps, guidance=2, model=model, guide=Guide(controls=controls)),
        size=(64, 64),
    )


def given(part, weight=1.0, start=0.0, end=1.0, adapter=False, seed=0):
    return ControlImage(part, small.drawing(seed), weight, start, end, adapter)


def plainly(engine, model, nets, **rest):
    """The same by the library alone."""
    import diffusers

    own = engine.pipelines.get(here.card(model), "text-to-image").components
    loaded = [diffusers.ControlNetModel.from_pretrained(net) for net in nets]
    pipeline = diffusers.StableDiffusionControlNetPipeline(
        **own, controlnet=loaded if len(nets) > 1 else loaded[0], requires_safety_checker=False
    )
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator("cpu").manual_seed(3)
    asked = {"num_inference_steps": 4, "guidance_scale": 2.0, "width": 64, "height": 64, "generator": generator}
    return pipeline("a star", negative_prompt="", **asked, **rest).images[0]


def test_one_is_the_librarys(engine, model, nets):
    made = draw(engine, model, given(nets[0], 0.8, 0.25, 0.75))
    rest = {"controlnet_conditioning_scale": 0.8, "control_guidance_start": 0.25, "control_guidance_end": 0.75}
    assert made == plainly(engine, model, nets[:1], image=small.drawing(), **rest)


def test_several_are_the_librarys(engine, model, nets):
    made = draw(engine, model, given(nets[0], 0.8), given(nets[1], 0.5, seed=1))
    images = [small.drawing(), small.drawing(1)]
    assert made == plainly(engine, model, nets, image=images, controlnet_conditioning_scale=[0.8, 0.5])
    assert made != draw(engine, model, given(nets[0], 0.8))


@pytest.mark.parametrize("kind", ["net", "adapter"])
def test_it_acts_from_its_start_to_its_end(kind, engine, model, nets, adapter):
    """Each step that is left out draws another picture; one too short to hold a step draws the plain one."""
    rest = {"part": adapter, "adapter": True} if kind == "adapter" else {"part": nets[0]}
    spans = [(0, 1), (0.25, 1), (0.5, 1), (0, 0.75), (0, 0.5), (0.3, 0.45)]
    made = [draw(engine, model, given(**rest, start=start, end=end)) for start, end in spans]
    assert len({picture.tobytes() for picture in made}) == len(spans)
    assert made[-1] == draw(engine, model)


@pytest.mark.parametrize("kind", ["net", "adapter"])
def test_the_share_counts_the_steps_that_are_run(kind, engine, model, nets, adapter):
    """Half of the steps from a picture: the first of them is the start."""
    part, is_adapter = (adapter, True) if kind == "adapter" else (nets[0], False)
    asked = {"image": small.drawing(4), "prompt": "a star", "strength": 0.5, "steps": 8, "model": model}
    late, never = (given(part, start=start, end=end, adapter=is_adapter) for start, end in ((0.5, 1), (0.3, 0.45)))
    plain = small.run(edit, engine, **asked)
    assert small.run(edit, engine, **asked, guide=Guide(controls=(late,))) != plain
    assert small.run(edit, engine, **asked, guide=Guide(controls=(never,))) == plain


def test_an_adapter_counts_by_its_weight(engine, model, adapter):
    made = [draw(engine, model, given(adapter, weight, adapter=True)) for weight in (0, 0.5, 1)]
    assert len({picture.tobytes() for picture in made}) == 3


def test_adapter_and_controlnet_count_together(engine, model, nets, adapter):
    both = draw(engine, model, given(nets[0]), given(adapter, adapter=True))
    assert both not in (draw(engine, model, given(nets[0])), draw(engine, model, given(adapter, adapter=True)))


def test_one_file_with_the_originals_names_is_taken(engine, home, nets, model, unet):
    """What people download is often one file; it gets its shape from the model's own U-Net."""
    from pathlib import Path

    single = home / "single.safetensors"
    single.write_bytes((Path(nets[0]) / "diffusion_pytorch_model.safetensors").read_bytes())
    assert draw(engine, model, given(str(single))) == draw(engine, model, given(nets[0]))


@pytest.mark.parametrize("kind", ["net", "adapter"])
def test_one_for_another_kind_of_model_is_refused_by_name(kind, engine, home):
    made = small.t2i_adapter(home / "strange", channels=(16, 16)) if kind == "adapter" else str(home / "net1")
    with pytest.raises(InputError, match="was made for another kind of model"):
        draw(engine, "spark", given(made, adapter=kind == "adapter"))


def test_the_step_knows_an_adapter_and_takes_several(engine, nets, adapter):
    first = control.run(engine, small.drawing(), nets[0], 0.5)
    both = control.run(engine, small.drawing(1), adapter, end=0.5, guide=first)
    assert [(one.weight, one.end, one.adapter) for one in both.controls] == [(0.5, 1, False), (1, 0.5, True)]


def test_the_end_must_come_after_the_start(engine, nets):
    with pytest.raises(InputError, match=r"'end' \(0.2\) must lie after 'start' \(0.5\)"):
        control.run(engine, small.drawing(), nets[0], start=0.5, end=0.2)


def test_a_picture_without_a_size_takes_the_shape_of_what_it_follows(engine, model, nets):
    wide = ControlImage(nets[0], small.drawing(size=(256, 128)))
    made = generate.run(engine, "a star", sampling=Sampling(steps=1, model=model, guide=Guide(controls=(wide,))))
    assert made.width > made.height


@pytest.fixture(scope="module")
def follower(card):
    """A model that follows a picture by itself."""
    return str(card("flux1_control").path)


def test_a_model_that_follows_pictures_by_itself_needs_no_part(engine, follower):
    one, other = (control.run(engine, small.drawing(n)) for n in (1, 2))
    asked = {"prompt": "a star", "steps": 2, "size": (64, 64), "model": follower}
    assert small.run(generate, engine, **asked, guide=one) == small.run(generate, engine, **asked, guide=one)
    assert small.run(generate, engine, **asked, guide=one) != small.run(generate, engine, **asked, guide=other)
    changed = small.run(edit, engine, image=small.drawing(4), strength=0.5, **asked, guide=one)
    assert changed != small.run(edit, engine, image=small.drawing(4), strength=0.5, **asked, guide=other)
    part = {"image": small.drawing(4), "mask": small.drawing(6).convert("L"), "steps": 2, "model": follower}
    assert small.run(inpaint, engine, prompt="a star", **part, guide=one) != small.run(
        inpaint, engine, prompt="a star", **part, guide=other
    )


def test_each_picture_of_its_batches_is_the_picture_alone(engine, follower):
    asked = {"steps": 2, "size": (64, 64), "model": follower, "guide": control.run(engine, small.drawing(1))}
    both = small.together(engine, (1, 2), lambda own: small.run(generate, own, prompt="a star", **asked))
    alone = [small.run(generate, replace(engine, seed=seed), prompt="a star", **asked) for seed in (1, 2)]
    assert all(small.difference(one, other) <= 1 for one, other in zip(both, alone, strict=True))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "FLUX.1 Control needs a picture to follow; give it one"),
        ([{"weight": 0.5}], "follows its picture in full; leave weight at 1"),
        ([{"end": 0.5}], "follows its picture in all steps; leave start at 0 and end at 1"),
        ([{}, {}], "FLUX.1 Control does not support second picture to follow"),
    ],
)
def test_what_it_cannot_do_is_refused(given, said, engine, follower):
    guide = Guide()
    for each in given:
        guide = control.run(engine, small.drawing(), **each, guide=guide)
    with pytest.raises(InputError, match=said):
        generate.run(engine, "a star", sampling=Sampling(steps=2, model=follower, guide=guide), size=(64, 64))


def test_other_models_need_a_part_to_follow_a_picture(engine):
    with pytest.raises(InputError, match="Stable Diffusion 1 cannot follow a picture by itself; choose a ControlNet"):
        generate.run(engine, "a star", sampling=Sampling(steps=2, guide=control.run(engine, small.drawing())))
