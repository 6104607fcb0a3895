import json
import os
import subprocess
import sys

import pytest

from studio.cli.app import main
from studio.model_files.hashes import Stamp
from tests.lora.told import A1111, KOHYA, TARGETS, beside, write

pytestmark = pytest.mark.usefixtures("state")

SDXL = {"lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k": (1280, 2048)}


@pytest.fixture
def parts(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_PARTS", str(tmp_path / "parts"))
    return tmp_path / "parts"


@pytest.fixture
def neon(parts):
    file = write(parts / "neon.safetensors", KOHYA)
    beside(file, json=A1111, civitai_info="{")
    return file


@pytest.fixture
def studio(capsys):
    def run(*arguments) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["lora", *map(str, arguments)])
        said = capsys.readouterr()
        return stop.value.code, said.out, said.err

    return run


def test_list(studio, neon):
    line = "neon                         Stable Diffusion 1, 10 kB, weight 0.7, say: neon lines\n"
    code, out, _ = studio("list")
    assert (code, [each for each in out.splitlines(keepends=True) if each.startswith("neon ")]) == (0, [line])
    (found,) = [each for each in json.loads(studio("list", "--json")[1]) if each["name"] == "neon"]
    assert (found["triggers"], found["weight"]) == (["neon lines"], 0.7)


def test_the_loras_of_a_program_are_used_where_they_lie(studio, tmp_path, capsys):
    file = write(tmp_path / "comfy/models/loras/people/anna.safetensors")
    (tmp_path / "comfy/models/checkpoints").mkdir()
    (tmp_path / "comfy/models/loras/old.pt").write_bytes(b"\x80")
    with pytest.raises(SystemExit) as stop:
        main(["models", "add", str(tmp_path / "comfy")])
    assert (stop.value.code, capsys.readouterr().out.splitlines()[0]) == (
        0,
        f"using 0 models and 1 LoRAs in {tmp_path / 'comfy'}, in place",
    )
    _, out, _ = studio("list")
    assert "people/anna                  family unknown" in out
    assert f"skipped: {tmp_path / 'comfy/models/loras/old.pt'}, because it is a pickle and could run code" in out
    assert studio("check", "anna")[0] == 0
    assert file.is_file()


def test_info_says_where_everything_was_found(studio, neon):
    _, out, _ = studio("info", "neon")
    for line in (
        "LoRA         neon\n",
        "title        Neon Outline (modelspec.title)\n",
        "weight       0.7 (neon.json)\n",
        "trigger      neon lines (neon.json, modelspec.trigger_phrase, in 28 captions)\n",
        "licence      cc-by-4.0 (modelspec.license)\n",
        "note         neon.civitai.info cannot be read; it is not valid JSON (",
    ):
        assert line in out
    told = json.loads(studio("info", neon, "--json")[1])
    assert told["claims"]["licence"] == [{"text": "cc-by-4.0", "source": "modelspec.license"}]
    assert told["tags"] == {"neon lines": 28, "acme logo": 26, "outline": 9}


def test_one_that_fits(studio, neon):
    code, out, _ = studio("check", "neon")
    assert code == 0
    for line in (
        "format       kohya: LoRA (3)\n",
        "rank         4, alpha = rank/2\n",
        "parts        denoiser (2), text encoder (1)\n",
        "applied      3 of 3 layers (100%) to spark\n",
        "private      training folders: 10_acme launch\n",
        "             --scrub writes a copy without all this\n",
        "verdict      fits spark\n",
    ):
        assert line in out
    told = json.loads(studio("check", "neon", "--json")[1])
    assert (told["fits"], told["share"], told["ranks"], told["alphas"]) == (True, 1, [4], [2])


def test_one_that_fits_in_part_names_what_does_not(studio, parts):
    wrong = {"lora_unet_nowhere": (8, 8), "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k": (192, 8)}
    file = write(parts / "half.safetensors", targets=TARGETS | wrong)
    code, out, _ = studio("check", file)
    assert code == 1
    assert (
        "applied      3 of 5 layers (60%) to spark\nskipped      lora_unet_nowhere\nwrong shape  lora_unet_mid" in out
    )
    assert out.endswith(
        "verdict      only 3 of its 5 layers fit spark; name the model that it was made for with --model\n"
    )


def test_one_for_another_base(studio, parts):
    file = write(parts / "xl.safetensors", targets=SDXL)
    code, out, _ = studio("check", file)
    assert code == 1
    assert out.splitlines()[-1] == (
        "verdict      it is for Stable Diffusion XL, and spark is Stable Diffusion 1; "
        "name a model of Stable Diffusion XL with --model"
    )


def test_another_model_may_be_named(studio, neon, sd1_folder):
    code, out, _ = studio("check", neon, "--model", sd1_folder)
    assert code == 1
    assert "verdict      none of its layers fits small;" in out


def test_hostile_names_steer_no_terminal_and_stop_nothing(studio, parts, state):
    write(parts / "red\x1b[31m.safetensors", targets={"lora_unet_\x1b[2J": (8, 8)})
    write(parts / "plain.safetensors").rename(parts / os.fsdecode(b"\xff.safetensors"))
    for words, ends in (
        (["list"], 0),
        (["list", "--json"], 0),
        (["check", "red\x1b[31m"], 1),
        (["info", os.fsdecode(b"\xff")], 2),
        (["check", parts / os.fsdecode(b"\xff.safetensors")], 0),
    ):
        code, out, err = studio(*words)
        assert code == ends and "\x1b" not in out + err and (out + err).encode()
    assert "\\udcff.safetensors, because its name is not valid Unicode; rename it" in studio("list")[1]
    assert "red" in (state / "loras.json").read_text()


def test_what_is_no_lora_says_so_in_one_line(studio, parts):
    parts.mkdir()
    (parts / "old.safetensors").write_bytes(b"\x80\x02}")
    code, out, err = studio("check", parts / "old.safetensors")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "pickled checkpoint" in err
    assert studio("check", "nobody")[0] == 2


def test_scrubbing(studio, neon, tmp_path):
    before = Stamp.of(neon)
    code, out, _ = studio("check", "neon", "--scrub", tmp_path / "clean.safetensors")
    assert (code, Stamp.of(neon)) == (0, before)
    assert "clean.safetensors without training folders, tags, paths, user names, session id, times of training" in out
    code, _, err = studio("check", "neon", "--scrub", neon)
    assert (code, "is there already" in err) == (2, True)


def test_all_of_it_without_torch(neon):
    code = (
        "import sys; from studio.cli.app import main\n"
        "for words in (['list'], ['info', 'neon'], ['check', 'neon']):\n"
        "    try: main(['lora', *words])\n"
        "    except SystemExit as stop: assert not stop.code, stop.code\n"
        "assert not {'torch', 'diffusers', 'transformers', 'peft'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
