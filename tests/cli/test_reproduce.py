"""``studio reproduce``: exact, different, not comparable, and what it says of each."""

import json
import shutil

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.cli.app import main
from tests import here


@pytest.fixture
def studio(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUDIO_DEVICE", "cpu")

    def call(*tokens):
        with pytest.raises(SystemExit) as ended:
            main([str(token) for token in tokens])
        return int(ended.value.code or 0), *capsys.readouterr()

    return call


@pytest.fixture
def changed(pictures, tmp_path):
    """A picture as it was made, but for its record or a pixel."""

    def make(change=lambda record: None, pixel=None):
        image, record = pictures[1].image.copy(), json.loads(json.dumps(pictures[1].record))
        change(record)
        if pixel:
            image.putpixel((0, 0), pixel)
        info = PngInfo()
        info.add_text("studio", json.dumps(record))
        image.save(tmp_path / "changed.png", pnginfo=info)
        return tmp_path / "changed.png"

    return make


def test_a_picture_comes_out_the_same_to_the_bit_and_leaves_nothing_behind(studio, pictures, tmp_path):
    code, out, _ = studio("reproduce", pictures[1].path)
    assert (code, out) == (0, "exact: every pixel is the same\n")
    assert list(tmp_path.iterdir()) == []


def test_the_new_picture_is_kept_where_a_folder_is_given(studio, pictures, tmp_path):
    code, out, _ = studio("reproduce", pictures[0].path, "--out", "again")
    assert code == 0
    (made,) = (tmp_path / "again").iterdir()
    assert f"the new picture is again/{made.name}" in out


def test_a_picture_made_with_another_number_of_threads_comes_out_exact(studio, tmp_path):
    import torch

    from studio.tensors import hardware

    draw = ("run", "text-to-image", "--prompt", "a red circle on white", "--steps", "4", "--seed", "7", "--name")
    with hardware.threads(1):
        studio(*draw, "one")
    with hardware.threads(2):
        studio(*draw, "two")
    one, two = (Image.open(tmp_path / "pictures" / f"{name}.png") for name in ("one", "two"))
    assert one.tobytes() != two.tobytes()
    before = torch.get_num_threads()
    assert studio("reproduce", "pictures/one.png")[0] == 0
    assert studio("reproduce", "pictures/two.png")[0] == 0
    assert torch.get_num_threads() == before


def test_another_setting_is_no_comparison_but_is_measured(studio, pictures):
    code, out, _ = studio("reproduce", pictures[1].path, "--set", "steps=4", "--set", "guidance=3")
    assert code == 4
    assert out.startswith("not comparable: values differ by ")
    assert "  steps: 3 → 4\n" in out
    assert "  guidance: 2.0 → 3.0\n" in out


def test_another_size_cannot_be_measured(studio, pictures):
    code, out, _ = studio("reproduce", pictures[1].path, "--set", "size=64x64")
    assert code == 4
    assert out.startswith("not comparable: the sizes differ")


def test_pixels_that_differ_though_all_is_the_same_are_different(studio, changed, pictures):
    red, green, blue = pictures[1].image.getpixel((0, 0))
    code, out, _ = studio("reproduce", changed(pixel=(red, green, blue - 9 if blue > 99 else blue + 9)))
    assert code == 3
    assert out.startswith("different: values differ by 9 of 255 at most, by 0.0000 on average")


def test_another_version_or_device_is_why(studio, changed):
    def other(record):
        record["torch"] = "2.0.0"
        record["passes"][0]["device"] = "NVIDIA H100"
        record["passes"][0]["sampler"]["beta_end"] = 0.5

    code, out, _ = studio("reproduce", changed(other, pixel=(1, 2, 3)))
    assert code == 4
    assert "  torch: 2.0.0 → " in out
    assert "  passes 1 device: NVIDIA H100 → CPU" in out
    assert "  passes 1 sampler beta_end: 0.5 → " in out


def test_another_version_that_makes_the_same_is_exact(studio, changed):
    code, out, _ = studio("reproduce", changed(lambda record: record.update(torch="2.0.0")))
    assert (code, out) == (0, "exact: every pixel is the same\n")


@pytest.mark.parametrize("nonsense", [3, "x", [], [1, None], {"spark": 3}, [{"threads": "many"}], [{"threads": 10**9}]])
def test_a_record_of_nonsense_is_no_crash(studio, changed, nonsense):
    code, out, _ = studio(
        "reproduce", changed(lambda record: record.update(passes=nonsense, models=nonsense, torch={}))
    )
    assert code in (0, 3, 4)
    assert out


def test_a_changed_file_of_a_model_is_named_and_nothing_is_made(studio, tmp_path):
    mine = shutil.copytree(here.card("spark").path, tmp_path / "mine")
    studio("run", "text-to-image", "--prompt", "x", "--steps", "1", "--size", "64x64", "--model", mine, "--name", "a")
    config = mine / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text() + " ")
    code, out, _ = studio("reproduce", "pictures/a.png")
    assert code == 4
    assert out.startswith("not comparable: a model has changed since, so nothing was made\n")
    assert f"  {mine} scheduler/scheduler_config.json: " in out
    assert len(list((tmp_path / "pictures").iterdir())) == 1


def test_the_record_pins_what_decides_how_a_picture_comes_out(pictures):
    record = pictures[1].record
    (made,) = record["passes"]
    assert {"studio", "torch", "diffusers", "transformers", "python"} <= record.keys()
    assert len(record["models"]["spark"]["files"]["unet/diffusion_pytorch_model.safetensors"]) == 64
    assert made["device"].startswith("CPU")
    assert made["precision"] == "float32"
    assert made["attention"]["unet"] == ["AttnProcessor2_0"]
    assert made["sampler"]["class"].endswith("Scheduler")
    assert "prediction_type" in made["sampler"]
    assert made["plan"] == {"placement": "keep", "storage": "full", "tiled": False, "batch": 1}
    assert made["ran_out"] == []


@pytest.mark.parametrize(
    ("tokens", "problem"),
    [
        (["nowhere.png"], "nowhere.png"),
        (["plain.png"], "has no settings of the studio"),
        (["made.png", "--set", "steps"], "'steps' has no value; write it as name=value"),
        (["made.png", "--set", "stepps=3"], "there is no input 'stepps'; did you mean 'steps'?"),
        (["made.png", "--set", "steps=many"], "steps"),
        (["made.png", "plain.png"], "'plain.png' is one picture too many; run 'studio reproduce' once for each"),
        ([], "picture"),
    ],
)
def test_wrong_use_is_said_in_one_line(studio, pictures, tmp_path, tokens, problem):
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    shutil.copy(pictures[1].path, tmp_path / "made.png")
    code, out, err = studio("reproduce", *tokens)
    assert (code, out) == (2, "")
    assert problem.lower() in err.lower()
    assert err.count("\n") == 1
