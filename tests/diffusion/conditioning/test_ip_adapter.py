import shutil
from pathlib import Path

import pytest

from studio.diffusion.engine import Engine
from studio.errors import InputError, ModelError
from studio.parameters.conditioning import Guide, ReferenceImage
from studio.parameters.sampling import Sampling
from studio.steps import generate, reference
from tests import here
from tests.diffusion import small


@pytest.fixture(scope="module")
def engine():
    return Engine(here.pipelines(), 3)


@pytest.fixture
def adapter(tmp_path):
    return small.ip_adapter(tmp_path / "ip")


def draw(engine, *references):
    return generate.run(engine, "a star", sampling=Sampling(steps=3, guide=Guide(references=references)), size=(64, 64))


def test_each_picture_and_each_weight_counts(engine, adapter):
    asked = [(1, 0.5), (1, 1.0), (2, 1.0)]
    made = {draw(engine, ReferenceImage(adapter, small.drawing(n), weight)).tobytes() for n, weight in asked}
    assert len(made) == 3


def test_several_count_together(engine, adapter):
    one, other = (ReferenceImage(adapter, small.drawing(n)) for n in (1, 2))
    assert draw(engine, one, other) not in (draw(engine, one), draw(engine, other))


def test_the_step_adds_one(engine, adapter):
    first = reference.run(engine, small.drawing(), adapter, 0.3)
    assert [one.weight for one in reference.run(engine, small.drawing(1), adapter, guide=first).references] == [
        0.3,
        0.6,
    ]


def test_one_for_another_kind_of_model_is_refused_by_name(engine, tmp_path):
    unet = small.sd1(tmp_path / "model")
    from diffusers import UNet2DConditionModel

    other = UNet2DConditionModel.from_pretrained(unet.path / "unet")
    other.register_to_config(cross_attention_dim=32)
    strange = small.ip_adapter(tmp_path / "strange", unet=other)
    with pytest.raises(InputError, match="'ip' was made for another kind of model"):
        draw(engine, ReferenceImage(strange, small.drawing()))


def test_without_its_encoder_it_says_what_is_missing(engine, adapter):
    shutil.rmtree(Path(adapter).parent / "image_encoder")
    with pytest.raises(ModelError, match="put the folder image_encoder beside the file"):
        draw(engine, ReferenceImage(adapter, small.drawing()))
