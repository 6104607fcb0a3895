"""``studio plan``: quick, without loading, and plain about what does not fit."""

import subprocess
import sys

import pytest

from studio.cli.app import main
from tests.diffusion import small


@pytest.fixture
def studio(capsys):
    def call(*tokens):
        with pytest.raises(SystemExit) as ended:
            main(list(tokens))
        return int(ended.value.code or 0), *capsys.readouterr()

    return call


def test_a_plan_says_what_a_model_takes_and_how_it_is_kept(studio):
    code, out, _ = studio("plan", "text-to-image", "--vram", "6GB", "--set", "size=512x768")
    assert code == 0
    assert out.startswith("text-to-image on a GPU with 6GB, 5.70 GB for models\n")
    assert "spark (Stable Diffusion 1), 512x768" in out
    assert "all parts stay in the device's memory" in out


def test_less_memory_changes_the_plan_and_what_does_not_fit_is_a_failure(studio):
    _, roomy, _ = studio("plan", "text-to-image", "--vram", "1GB", "--set", "size=1024x1024")
    code, tight, _ = studio("plan", "text-to-image", "--vram", "300MB", "--set", "size=1024x1024")
    assert "pictures are decoded in tiles" not in roomy
    assert "pictures are decoded in tiles" in tight
    assert "this does not fit" in tight
    assert code == 1


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """A ControlNet, another, and an IP-Adapter with an image encoder that weighs something."""
    home = tmp_path_factory.mktemp("parts")
    adapter = small.ip_adapter(home / "ip")
    small.image_encoder(home / "ip", hidden_size=256, intermediate_size=1024, num_hidden_layers=8)
    return {"net": small.controlnet(home / "net"), "other": small.controlnet(home / "other", 2), "adapter": adapter}


@pytest.mark.parametrize(
    ("workflow", "given"), [("controlnet", "controlnet={net}"), ("reference", "adapter={adapter}")]
)
def test_what_guides_a_picture_is_counted(studio, parts, workflow, given):
    _, plain, _ = studio("plan", workflow, "--vram", "6GB")
    code, out, _ = studio("plan", workflow, "--vram", "6GB", "--set", given.format(**parts))
    assert code == 0
    assert " and 0.01 GB of its guide" in out
    assert "of its guide" not in plain


def test_a_guide_goes_from_step_to_step(studio, parts, tmp_path):
    """The first asks for one ControlNet, the second for another, the third draws with both."""
    file = tmp_path / "both.yaml"
    first = f"use: control, controlnet: {parts['net']}, image: $start"
    file.write_text(
        "title: Both\ninputs: {prompt: draw.prompt, controlnet: second.controlnet}\nsteps:\n"
        "  start: {use: generate, prompt: a star, model: spark}\n"
        f"  first: {{{first}}}\n  second: {{use: control, image: $start, guide: $first}}\n"
        "  draw: {use: generate, guide: $second, model: spark}\n"
    )
    _, one, _ = studio("plan", str(file), "--vram", "6GB")
    _, both, _ = studio("plan", str(file), "--vram", "6GB", "--set", f"controlnet={parts['other']}")
    assert [out.split(" GB of its guide")[0].split()[-1] for out in (one, both)] == ["0.01", "0.02"]


def test_a_part_that_is_not_there_is_named(studio):
    code, out, err = studio("plan", "controlnet", "--vram", "6GB", "--set", "controlnet=nope")
    assert (code, out) == (2, "")
    assert "there is no ControlNet or T2I-Adapter 'nope'" in err


def test_every_workflow_can_be_planned_without_its_inputs(studio):
    from studio.workflow.workflow import workflow_names

    for name in workflow_names():
        code, out, err = studio("plan", name, "--vram", "8GB")
        assert (code, err) == (0, ""), name
        assert out.startswith(f"{name} on a GPU with 8GB")


def test_without_vram_it_is_for_this_machine(studio, monkeypatch):
    monkeypatch.setenv("STUDIO_DEVICE", "cpu")
    monkeypatch.setenv("STUDIO_VRAM", "2GB")
    _, out, _ = studio("plan", "text-to-image")
    assert out.startswith("text-to-image on CPU")
    assert "2.00 GB for models" in out


def test_planning_for_a_gpu_imports_neither_torch_nor_diffusers():
    code = (
        "import sys; from studio.cli.app import main\n"
        "try: main(['plan', 'text-to-image', '--vram', '6GB'])\n"
        "except SystemExit: print([m for m in ('torch', 'diffusers', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("tokens", "problem"),
    [
        (["nope"], "there is no workflow 'nope'"),
        (["text-to-image", "--vram", "lots"], "write it as 6GB or 512MB"),
        (["text-to-image", "--vram", "6GB", "--set", "size"], "'size' has no value; write it as name=value"),
        (["text-to-image", "--vram", "6GB", "--set", "sice=1"], "there is no input 'sice'; did you mean 'size'?"),
        (["text-to-image", "--vram", "6GB", "--set", "size=1x1"], "each side must be 64 to 2048"),
        (["text-to-image", "--vram", "6GB", "--set", "model=nope"], "there is no model 'nope'"),
    ],
)
def test_wrong_use_is_said_in_one_line(studio, tokens, problem):
    code, out, err = studio("plan", *tokens)
    assert (code, out) == (2, "")
    assert problem in err
    assert err.count("\n") == 1


def test_a_step_that_shares_its_model_is_planned(studio, tmp_path):
    file = tmp_path / "shared.yaml"
    file.write_text(
        "title: Shared\ninputs: {prompt: draw.prompt, model: draw.model}\nsteps:\n"
        "  draw: {use: generate}\n"
        '  again: {use: edit, image: $draw, prompt: $prompt, model: $model, size: "512x512"}\n',
        "utf-8",
    )
    code, out, _ = studio("plan", str(file), "--vram", "6GB")
    assert code == 0
    assert "spark (Stable Diffusion 1), 512x512" in out
