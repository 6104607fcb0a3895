"""``studio lora merge``, ``extract`` and ``resize`` as people type them."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.cli.app import main
from studio.models.card import ModelCard
from tests import here
from tests.lora import lorafiles
from tests.models import original
from tests.models import small as whole

pytestmark = pytest.mark.usefixtures("state")


@pytest.fixture
def studio(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["lora", *map(str, arguments)])
        said = capsys.readouterr()
        return stop.value.code, said.out, said.err

    return run


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A small Stable Diffusion 1 in one file, the same trained further, and two LoRAs for it."""
    home, pipeline = tmp_path_factory.mktemp("models"), whole.sd1()
    original.write(pipeline, home / "base.safetensors")
    for name, form in (("neon", lorafiles.lora), ("paper", lorafiles.dora_out)):
        lorafiles.file(home / f"{name}.safetensors", pipeline, form, every=9, size=0.1)
    with torch.no_grad():
        pipeline.unet.conv_in.weight.add_(torch.randn_like(pipeline.unet.conv_in.weight))
        pipeline.unet.conv_in.bias.add_(1)
    original.write(pipeline, home / "tuned.safetensors")
    return home


def test_merge_into_a_model(studio, models, tmp_path):
    asked = ["merge", f"{models / 'neon'}.safetensors:0.5", "--model", models / "base.safetensors"]
    code, out, err = studio(*asked, "--out", "new.safetensors")
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert first == "wrote new.safetensors"
    assert second == f"  {len(load_file(models / 'neon.safetensors')) // 3} parameters changed by {asked[1]}"
    assert ModelCard.read(tmp_path / "new.safetensors").family.name == "sd1"
    code, _, err = studio(*asked, "--out", models / "base.safetensors")
    assert (code, err.count("\n")) == (2, 1)
    assert "is there already; nothing was written" in err


def test_merge_into_one_lora(studio, models):
    neon, paper = (f"{models / name}.safetensors" for name in ("neon", "paper"))
    asked = ["merge", f"{neon}:0.5", paper, "--rank", 2, "--out", "both.safetensors"]
    code, _, err = studio(*asked)
    assert code == 2
    assert "give the model that it is for: --model" in err
    code, out, _ = studio(*asked, "--model", models / "base.safetensors")
    assert code == 0
    assert "modules of rank 2, " in out
    assert "of the energy kept\n  least in " in out
    code, out, _ = studio("check", "both.safetensors", "--model", models / "base.safetensors")
    assert (code, out.splitlines()[-1]) == (0, "verdict      fits base")
    assert "licence      unknown (modelspec.license)" in out


def test_extract(studio, models):
    code, out, _ = studio(
        "extract", models / "tuned.safetensors", models / "base.safetensors", "--out", "x.safetensors"
    )
    assert (code, out.splitlines()) == (
        0,
        [
            "wrote x.safetensors",
            "  1 modules of rank 32, 100.00% of the energy kept",
            "  1 biases, norms or other differences as they are",
        ],
    )
    code, _, err = studio("extract", models / "tuned.safetensors", "spark", "--out", "y.safetensors")
    assert code == 2
    assert "are not of one shape" in err


def test_resize(studio, models):
    neon = models / "neon.safetensors"
    assert studio("resize", neon, "--rank", 1, "--out", "one.safetensors")[0] == 0
    code, out, _ = studio("resize", neon, "--keep", 0.5, "--rank", 3, "--out", "half.safetensors")
    assert code == 0
    assert "modules of rank 1 to 3, " in out
    code, _, err = studio("resize", neon, "--out", "x.safetensors")
    assert (code, err) == (2, "studio: give --rank for the new rank, or --keep for the share of the energy\n")
    code, _, err = studio("resize", models / "paper.safetensors", "--rank", 1, "--out", "x.safetensors")
    assert (code, "is DoRA" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rank", "4"], "name the LoRAs to merge"),
        (["neon:0.5"], "give --model to merge into that model, or --rank to write one LoRA"),
        (["neon:much", "--rank", "4"], "is not a valid LoRA"),
        (["nobody", "--rank", "4"], "unknown LoRA 'nobody'|there is no LoRA 'nobody'"),
        (["nobody", "--rank", "0"], "a rank of 0 keeps nothing"),
        (["nobody", "--model", "sprak"], "did you mean 'spark'"),
    ],
)
def test_wrong_use_is_one_line(studio, words, message):
    code, out, err = studio("merge", *words, "--out", "x.safetensors")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert any(part in err for part in message.split("|"))


def test_ctrl_c_leaves_nothing(studio, models, tmp_path, monkeypatch):
    from studio.lora.tools import checkpoint_merge

    def stop(copy, spot, value):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint_merge.reading, "write", stop)
    neon, base = models / "neon.safetensors", models / "base.safetensors"
    code, out, err = studio("merge", neon, "--model", base, "--out", "new.safetensors")
    assert (code, out, err) == (1, "", "studio: stopped; nothing was written\n")
    assert not [file for file in tmp_path.iterdir() if file.name != "state"]


def test_a_terminal_sees_the_time_left(studio, models, monkeypatch):
    import sys

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    _, _, err = studio("resize", models / "neon.safetensors", "--rank", 1, "--out", "x.safetensors")
    lines = err.split("\r\x1b[K")
    count = len(load_file(models / "neon.safetensors")) // 3
    assert len(lines) == count + 2
    assert lines[1].startswith(f"1 of {count}, ")
    assert lines[1].endswith(" left")
    assert lines[-1] == ""


def test_a_model_by_its_name_is_never_written_to(studio, models):
    before = here.card("spark").sha256()
    save_file({"lora_unet_conv_in.diff_b": torch.ones(48)}, models / "bias.safetensors")
    code, out, _ = studio("merge", models / "bias.safetensors", "--model", "spark", "--out", "brighter")
    assert (code, out.splitlines()[1][:21]) == (0, "  1 parameters change")
    assert here.card("spark").sha256() == before != ModelCard.read(models.cwd() / "brighter").sha256()
