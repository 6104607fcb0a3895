import numpy as np
import pytest
from PIL import Image

from studio.diffusion.conditioning import preprocessors
from studio.diffusion.engine import Engine
from studio.diffusion.loading.adapter_cache import AdapterCache
from studio.errors import ModelError
from studio.models.adapters import Part
from studio.steps import depth, pose
from tests import here
from tests.diffusion import small


@pytest.fixture(scope="module")
def engine():
    return Engine(here.pipelines())


def test_depth_is_the_models_from_black_to_white(engine, tmp_path):
    folder, picture = small.depth_model(tmp_path / "depth"), small.drawing(size=(96, 64))
    seen = depth.run(engine, picture, folder)
    assert seen.size == (96, 64)
    assert seen.mode == "RGB"
    assert depth.run(engine, picture, folder) == seen
    assert depth.run(engine, small.drawing(1, (96, 64)), folder) != seen
    from transformers import DPTForDepthEstimation, DPTImageProcessor

    pixels = DPTImageProcessor.from_pretrained(folder)(picture, return_tensors="pt").pixel_values
    near = DPTForDepthEstimation.from_pretrained(folder)(pixels).predicted_depth[0].detach().numpy()
    levels = (near - near.min()) / np.ptp(near) * 255
    small_one = np.asarray(seen.resize(near.shape[::-1], Image.Resampling.BOX))[..., 0]
    assert np.corrcoef(levels.ravel(), small_one.ravel())[0, 1] > 0.9


def test_without_its_preprocessor_it_says_what_is_missing(engine, tmp_path):
    folder = small.depth_model(tmp_path / "depth")
    (tmp_path / "depth" / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match="lacks preprocessor_config.json"):
        depth.run(engine, small.drawing(), folder)


def test_a_pose_is_of_the_pictures_size(engine, tmp_path):
    seen = pose.run(engine, small.drawing(size=(120, 90)), small.pose_model(tmp_path / "pose"))
    assert seen.size == (120, 90)


def test_joints_are_found_where_the_maps_are_hottest(tmp_path, monkeypatch):
    """In a picture wider than the model's, which is padded above and below."""
    heat = np.zeros((17, 16, 12), np.float32)
    heat[0, 8, 6] = heat[9, 8, 11] = 1  # the nose in the middle, the left wrist on the right
    heat[3, 2, 2] = 0.1  # an ear it is not sure of
    joints = preprocessors._joints(heat, (240, 120))
    assert set(joints) == {0, 9}
    assert np.allclose(joints[0], (130, 70))
    assert np.allclose(joints[9], (230, 70))


def test_a_skeleton_has_a_colour_for_each_limb():
    left, right = {5: (60, 30), 7: (80, 50), 9: (90, 70)}, {6: (40, 30), 8: (20, 50), 10: (10, 70)}
    page = preprocessors.skeleton({0: (50, 10), **left, **right}, (100, 100))
    colours = {colour for _, colour in page.getcolors(10_000)}
    assert page.getpixel((50, 30)) != (0, 0, 0)  # the neck, between the shoulders
    assert len(colours - {(0, 0, 0)}) >= 10
    assert page.getpixel((5, 5)) == (0, 0, 0)


def test_what_does_not_load_is_named(tmp_path):
    folder = tmp_path / "depth"
    small.depth_model(folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(ModelError, match="not downloaded completely"):
        preprocessors.depth(AdapterCache(here.library().adapters, "cpu"), Part.read(folder), small.drawing())
