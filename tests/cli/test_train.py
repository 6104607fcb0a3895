"""``studio train lora`` as it is typed."""

import pytest
from PIL import Image

from studio.cli.app import main
from tests.train.conftest import model, pictures  # noqa: F401 fixtures


def studio(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main(["train", "lora", *map(str, words)])
    return ended.value.code, *capsys.readouterr()


def test_from_a_folder_to_a_file(pictures, model, capsys, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("STUDIO_PARTS", str(tmp_path / "parts"))
    asked = (pictures, "--name", "brand", "--model", model("flux1"), "--size", "64x64", "--steps", 4, "--rank", 2)
    code, out, err = studio(capsys, *asked, "--sample", "a circle", "--sample", "a square")
    assert code == 0
    assert out.strip() == str(tmp_path / "parts" / "brand.safetensors")
    assert "step 2 of 4, loss" in err and "done after step 4 of 4" in err and "8 pictures seen" in err
    made = sorted(file.name for file in (tmp_path / "parts").rglob("*") if file.is_file())
    assert {"brand.safetensors", "brand.png", "README.md", "training.html"} <= set(made)
    assert "training.state" not in made
    code, _, err = studio(capsys, *asked)
    assert code == 2 and "choose another name" in err


def test_bad_pictures_are_listed_one_a_line_and_nothing_is_begun(pictures, capsys, tmp_path):  # noqa: F811
    Image.new("RGB", (9, 9)).save(pictures / "c.png")
    (pictures / "d.png").write_text("no picture")
    asked = (pictures, "--name", "brand", "--caption", "x", "--size", "64x64", "--out", tmp_path / "out")
    code, out, err = studio(capsys, *asked)
    lines = err.strip().splitlines()
    assert code == 2 and not out
    assert "2 of 4 pictures cannot be learned from" in lines[0]
    assert lines[1].startswith("  c.png has only 9x9") and lines[2].startswith("  d.png is not a picture")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "problem"),
    [(("--name", "../a"), "letters"), (("--name", "a", "--rank", "0"), "from 1 to 256"),
     (("--name", "a", "--size", "9"), "size"), (("--name", "a", "--model", "none"), "model")],
)  # fmt: skip
def test_wrong_use_is_one_line(flags, problem, pictures, capsys):  # noqa: F811
    code, _, err = studio(capsys, pictures, *flags)
    assert code == 2 and problem in err and err.count("\n") == 1
