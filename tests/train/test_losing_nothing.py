"""Trainings that go wrong, on disks that fail: what was good is kept, and the message says how to go on."""

import errno
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from studio.errors import Cancelled, InputError, ModelError, OutputError, StudioError
from studio.parameters.types import Size
from studio.train import checkpoint, trainer_state
from studio.train.config import TrainingConfig
from studio.train.loop import train
from tests import here
from tests.torture.faults import Disk, failing


@pytest.fixture(autouse=True)
def every_step_is_saved(monkeypatch):
    monkeypatch.setattr(trainer_state, "_SECONDS", 0)
    monkeypatch.setattr(trainer_state, "_TIMES", 0)


@pytest.fixture
def course(pictures, model):
    """Three steps of a tiny model, into the folder "loras"."""

    def made(out="loras", **other) -> TrainingConfig:
        given = {"steps": 3, "rank": 2, "rate": 0.02, "size": Size(64, 64), "samples": ("a circle",)} | other
        return TrainingConfig(pictures, "brand", model(given.pop("model", "sd1")), out=pictures.parent / out, **given)

    return made


def ignore(progress):
    """Nobody listens."""


def stopped(course: TrainingConfig, after: int) -> TrainingConfig:
    """A training that was stopped after so many steps."""

    def stop(progress):
        if progress.step == after:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(course, here.library(), stop)
    return course


def test_a_loss_that_is_not_finite_stops_it_and_the_last_good_state_is_kept(course):
    made = course(steps=24, rank=8, rate=1.0)
    with pytest.raises(
        ModelError, match=r"step \d+ of 24: the loss is (nan|inf); try a lower rate, 0.1 instead"
    ) as why:
        train(made, here.library(), ignore)
    kept = checkpoint.read(made.state)
    assert f"step {len(kept.losses)} is saved in '{made.state}'" in str(why.value)
    assert not made.file.exists()
    assert all((tensor == tensor).all() for tensor in load_file(made.state).values())


def test_a_lora_that_is_not_finite_is_not_written(course):
    made = stopped(course(), 2)
    tensors, saved = load_file(made.state), checkpoint.read(made.state)
    huge = {name: tensor * 0 + 1e6 if name.startswith("lora.") else tensor * 0 for name, tensor in tensors.items()}
    save_file(huge, made.state, {"numbers": saved.model_copy(update={"losses": (1.0, 1.0, 1.0)}).model_dump_json()})
    samples = made.folder / "samples"
    shutil.copy(samples / "000000-1.png", samples / "000003-1.png")
    with pytest.raises(ModelError, match="is not finite, so no LoRA is written; try a lower rate"):
        train(made, here.library(), ignore)
    assert not made.file.exists()
    assert made.state.exists()


def test_a_disk_that_fails_at_any_save_loses_nothing(course, tmp_path):
    whole = course("whole")
    with Disk(whole.out).mounted() as counted:
        train(whole, here.library(), ignore)
    writing = [at for at, call in enumerate(counted.calls, 1) if call in {"mkdir", "write", "fsync", "replace"}]
    expected = load_file(whole.file)
    for at in writing[:: len(writing) // 3]:
        made = course("trial")
        shutil.rmtree(made.out, ignore_errors=True)
        with Disk(made.out, at, failing(errno.ENOSPC), float("inf")).mounted():
            problem = failure(made)
        assert "\n" not in problem and ("No space left on device" in problem or made.file.exists())
        if not made.file.exists():
            saved, said = checkpoint.read(made.state), re.search(r"step (\d+) is kept", problem)
            assert (len(saved.losses) if saved else 0) >= (int(said[1]) if said else 0)
            train(made, here.library(), ignore)
        assert all((expected[name] == tensor).all() for name, tensor in load_file(made.file).items())


def failure(made: TrainingConfig) -> str:
    """Why the training ended; nothing where it came to its end before the disk failed."""
    try:
        train(made, here.library(), ignore)
    except StudioError as error:
        return str(error)
    return ""


class Killed(BaseException):
    """Nothing is done any more, as after kill -9."""


def test_samples_are_never_taken_over_from_another_training(course, monkeypatch):
    monkeypatch.setattr(trainer_state, "_SECONDS", 9999)

    def killed(progress):
        raise Killed

    with pytest.raises(Killed):
        train(course(), here.library(), killed)
    other = course(samples=("a square",))
    with pytest.raises(InputError, match="was begun with other pictures or settings") as why:
        train(other, here.library(), ignore)
    assert f"delete '{other.folder}' to start again" in str(why.value)
    other.state.unlink()
    with pytest.raises(InputError, match="samples' is there already; choose another name or move it away"):
        train(other, here.library(), ignore)
    shutil.rmtree(other.folder)
    assert train(other, here.library(), ignore) == other.file


def test_the_lora_is_on_the_disk_before_the_state_goes(course, monkeypatch):
    done = []

    def noted(name):
        real = getattr(os, name)

        def call(what, *more, **named):
            path = Path(f"/proc/self/fd/{what}").readlink() if name == "fsync" else str(more[0] if more else what)
            done.append((name, Path(path).name))
            return real(what, *more, **named)

        monkeypatch.setattr(os, name, call)

    for name in ("fsync", "replace", "unlink"):
        noted(name)
    train(course(), here.library(), ignore)
    written, gone = done.index(("replace", "brand.safetensors")), done.index(("unlink", "training.state"))
    assert done[written - 1][0] == "fsync"
    assert ("fsync", "loras") in done[written:gone]


def of_zeros(file):
    file.write_bytes(bytes(file.stat().st_size))


def cut_off(file):
    file.write_bytes(file.read_bytes()[:-9])


def empty(file):
    file.write_bytes(b"")


def with_numbers(**other):
    def change(file):
        told = checkpoint.read(file).model_dump(mode="json") | other
        save_file(load_file(file), file, {"numbers": json.dumps(told)})

    return change


def with_tensors(change):
    def changed(file):
        numbers = checkpoint.read(file).model_dump_json()
        save_file({name: change(tensor) for name, tensor in load_file(file).items()}, file, {"numbers": numbers})

    return changed


def test_a_damaged_state_is_named_and_left_as_it_is(course):
    made = stopped(course(model="flux1"), 1)
    good = made.state.read_bytes()
    for damage in (
        of_zeros,
        cut_off,
        empty,
        with_numbers(version=2),
        with_numbers(surprise=1),
        with_numbers(losses=["x"]),
        with_tensors(lambda tensor: tensor * float("nan")),
        with_tensors(lambda tensor: tensor[:1]),
    ):
        made.state.write_bytes(good)
        damage(made.state)
        found = made.state.read_bytes()
        with pytest.raises(InputError, match=r"training\.state', .* is damaged or of another version"):
            train(made, here.library(), ignore)
        assert made.state.read_bytes() == found
    made.state.write_bytes(good)
    train(made, here.library(), ignore)


@pytest.mark.parametrize("taken", ["brand.png", "brand/README.md"])
def test_files_of_others_are_not_written_over(taken, course):
    made = course()
    (made.out / taken).parent.mkdir(parents=True)
    (made.out / taken).write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        train(made, here.library(), ignore)
    assert (made.out / taken).read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_named_before_anything_is_loaded(course, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr("studio.train.loop.prepared", None)
    with pytest.raises(OutputError, match="cannot write to"):
        train(course("file/loras"), here.library(), ignore)
