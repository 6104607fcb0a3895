import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from subprocess import DEVNULL

import pytest
from diffusers import ZImageTransformer2DModel
from safetensors.torch import save_file

from studio.cli.app import main
from tests.cli.test_app import hear_ctrl_c
from tests.families import makers, partfiles
from tests.models.hubserver import COMMIT, Hub
from tests.models.test_hub import FILES

pytestmark = pytest.mark.usefixtures("state")


@pytest.fixture
def studio(capsys):
    def run(*arguments) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["models", *map(str, arguments)])
        said = capsys.readouterr()
        return stop.value.code, said.out, said.err

    return run


def test_a_file_from_adding_to_removing(studio, sd1_file, sd1_folder):
    assert studio("add", sd1_file, "--base", sd1_folder) == (
        0,
        "added painting: Stable Diffusion 1, 512×512, F32\n",
        "",
    )
    assert "painting                     Stable Diffusion 1, 512×512, 42.5 MB, F32" in studio("list")[1]
    assert studio("verify") == (0, "ok  painting\n", "")
    _, about, _ = studio("info", "painting")
    for line in (
        "predicts   noise (epsilon)",
        "weights    42.5 MB, mostly F32",
        "parts      denoiser, VAE, text encoder",
        "licence    unknown",
    ):
        assert line in about
    assert studio("remove", "painting") == (0, f"removed painting; its files stay at '{sd1_file}'\n", "")


def test_a_picture_is_drawn_with_an_added_file(studio, sd1_file, sd1_folder, tmp_path, capsys):
    studio("add", sd1_file, "--base", sd1_folder)
    with pytest.raises(SystemExit) as stop:
        given = "run text-to-image --prompt circle --model painting --steps 1 --size 64x64 --out"
        main([*given.split(), str(tmp_path)])
    assert stop.value.code == 0, capsys.readouterr().err
    assert len(list(tmp_path.glob("*.png"))) == 1


@pytest.fixture
def denoiser(tmp_path, card):
    """The denoiser of a tiny Z-Image Turbo alone, as safetensors and as GGUF, and the folder it is from."""
    base = card("z_image_turbo").path
    made = makers.tensors("z_image", ZImageTransformer2DModel.from_pretrained(base / "transformer"))
    save_file(made, tmp_path / "plain.safetensors")
    return {".safetensors": tmp_path / "plain.safetensors"}, base, made


@pytest.mark.parametrize("ending", [".safetensors", ".gguf"])
def test_a_picture_is_drawn_with_a_denoiser_and_what_a_base_has(studio, denoiser, ending, tmp_path, capsys):
    files, base, made = denoiser
    if ending == ".gguf":
        pytest.importorskip("gguf")
        files[ending] = makers.write_gguf(made, tmp_path / "rounded.gguf", "Q8_0")
    code, said, _ = studio("add", files[ending], "--base", base)
    assert code == 0
    assert said.startswith(f"added {files[ending].stem}: Z-Image Turbo, 1024×1024")
    assert f"denoiser; no VAE and no text encoder (taken from '{base}')" in studio("info", files[ending].stem)[1]
    with pytest.raises(SystemExit) as stop:
        given = f"run text-to-image --prompt circle --model {files[ending].stem} --steps 2 --size 64x64 --out"
        main([*given.split(), str(tmp_path / "out")])
    assert stop.value.code == 0, capsys.readouterr().err
    assert len(list((tmp_path / "out").glob("*.png"))) == 1


def test_a_denoiser_alone_says_what_to_fetch_and_from_where(studio, denoiser, capsys):
    said = studio("add", denoiser[0][".safetensors"])[1]
    assert (
        "the model 'plain' has no VAE and no text encoder; take the rest, with tokenizers and scheduler, from" in said
    )
    assert "Z-Image, such as Tongyi-MAI/Z-Image on the Hub (all except its transformer): studio models add '" in said
    with pytest.raises(SystemExit) as stop:
        main(["run", "text-to-image", "--prompt", "circle", "--model", "plain", "--steps", "1", "--size", "64x64"])
    assert stop.value.code == 1
    assert "the model 'plain' has no VAE" in capsys.readouterr().err
    assert studio("add", denoiser[0][".safetensors"], "--base", denoiser[1])[0] == 0


def test_a_changed_file_fails_the_check(studio, sd1_file, tmp_path):
    studio("add", file := shutil.copy(sd1_file, tmp_path / "x.safetensors"))
    os.truncate(file, 5000)
    code, said, _ = studio("verify", "x")
    assert code == 1
    assert "!!  x\n" in said
    assert "5,000 of" in said
    assert "expected SHA-256" in said


def test_the_folder_of_another_program(studio, sd1_file, tmp_path):
    place = tmp_path / "webui" / "models" / "Stable-diffusion"
    place.mkdir(parents=True)
    shutil.copy(sd1_file, place / "one.safetensors")
    (place / "old.ckpt").write_bytes(b"\x80")
    code, said, _ = studio("add", tmp_path / "webui")
    assert code == 0
    assert "using 1 models in" in said
    assert "skipped, a pickle, which could run code: old.ckpt" in said
    assert f"also the models in {tmp_path / 'webui'}" in studio("list")[1]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["add", "nothing-here"], 2, "there is no file or folder 'nothing-here'"),
        (["add", "models/x.safetensors"], 2, "there is no file or folder 'models/x.safetensors'"),
        (["info", "sprak"], 2, "did you mean 'spark'"),
        (["remove", "spark"], 2, "there is no added model 'spark'"),
        (["add", "x", "--nonsense"], 2, "--nonsense"),
    ],
)
def test_wrong_use_is_one_line(studio, arguments, code, says):
    found, _, error = studio(*arguments)
    assert found == code
    assert says in error
    assert error.count("\n") == 1


def test_an_empty_folder_is_no_model(studio, tmp_path):
    code, _, error = studio("add", tmp_path)
    assert (code, "there are no safetensors or GGUF files in" in error) == (1, True)


def test_from_the_hub_only_after_host_and_size_were_shown(state, tmp_path):
    with Hub("acme/pretty", FILES) as server:
        environment = {**os.environ, "HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"}

        def studio(*arguments):
            command = [sys.executable, "-m", "studio", "models", *arguments]
            return subprocess.run(command, env=environment, capture_output=True, text=True, stdin=DEVNULL, check=False)

        asked = studio("add", "acme/pretty")
        assert asked.returncode == 2
        assert "there is no terminal to ask; give --yes to download it" in asked.stderr
        assert not server.fetched()
        host = server.url.removeprefix("http://")
        shown = [
            f"looking up acme/pretty on {host}",
            f"from       {host}: acme/pretty, commit {COMMIT}",
            "download   31.9 MB in 10 files",
            "licence    openrail++ (claimed)",
        ]
        assert asked.stdout.splitlines() == shown

        done = studio("add", "acme/pretty", "--yes")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [*shown, "added pretty: Stable Diffusion 1, 256×256, F16, predicts v"]
        assert "8 of 10: unet/diffusion_pytorch_model.safetensors" in done.stderr
        assert f"from       {host}: acme/pretty, commit {COMMIT}" in studio("info", "pretty").stdout
        assert "are deleted" in studio("remove", "pretty").stdout
        assert not list((state / "models").iterdir())


def test_the_doctor_counts_models_and_names_what_is_gone(studio, sd1_file, tmp_path, capsys):
    studio("add", file := shutil.copy(sd1_file, tmp_path / "x.safetensors"))
    for gone, said in ((False, "2 Stable Diffusion 1"), (True, "'x' is no longer at")):
        if gone:
            Path(file).unlink()
        with pytest.raises(SystemExit) as stop:
            main(["doctor"])
        assert said in capsys.readouterr().out
        assert bool(stop.value.code) == gone


def test_ctrl_c_while_fetching_says_that_it_can_go_on(state, tmp_path):
    with Hub("acme/pretty", FILES, cut=12_000_000, stall=True) as server:
        environment = {**os.environ, "HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"}
        command = [sys.executable, "-m", "studio", "models", "add", "acme/pretty", "--yes"]
        with subprocess.Popen(
            command,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=hear_ctrl_c,  # noqa: PLW1509
        ) as process:
            server.stalled.wait(60)
            os.killpg(process.pid, signal.SIGINT)
            said = process.communicate(timeout=30)[1]
    assert process.returncode == 1
    assert said.splitlines()[-1] == "studio: stopped; the same command resumes the download"
    assert "Traceback" not in said
    assert [part.stat().st_size >= 10 * 2**20 for part in (state / "models" / "acme--pretty" / ".partial").iterdir()]


def test_comfyuis_files_are_named_and_told_by_their_tensors(studio, card, tmp_path):
    from diffusers import FluxPipeline

    base = card("flux1").path
    pipeline = FluxPipeline.from_pretrained(base)
    files = partfiles.write(pipeline, tmp_path / "parts")
    made = {name: each.contiguous() for name, each in makers.tensors("flux1", pipeline.transformer).items()}
    save_file(made, tmp_path / "dev.safetensors")
    settings = shutil.copytree(base, tmp_path / "settings", ignore=shutil.ignore_patterns("*.safetensors"))
    given = ["--vae", files["vae"], "--text-encoder", files["text_encoder_2"], "--text-encoder", files["text_encoder"]]
    code, said, _ = studio("add", tmp_path / "dev.safetensors", *given)
    assert code == 0
    assert "comes without the settings of FLUX.1: configurations, tokenizers and scheduler" in said
    code, said, _ = studio("add", tmp_path / "dev.safetensors", "--base", settings)
    assert (code, said.splitlines()[1:]) == (
        0,
        [
            f"  VAE: {files['vae']}",
            f"  text encoder 2: {files['text_encoder_2']}",
            f"  text encoder: {files['text_encoder']}",
        ],
    )
    assert f"text encoder 2 ({files['text_encoder_2']})" in studio("info", "dev")[1]
    code, _, why = studio("add", tmp_path / "dev.safetensors", "--vae", files["text_encoder"])
    assert (code, "is a text encoder, not a VAE; give it with --text-encoder" in why) == (2, True)
