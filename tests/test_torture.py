"""The tortures in their short forms; ``python -m tests.torture`` has the long ones."""

import os

import pytest

from tests.torture import disk, four, full, hostile, kill, queued, soak, training

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes of this test are forked")


@needs_fork
def test_a_batch_killed_again_and_again_loses_and_doubles_nothing(tmp_path):
    assert kill.run(tmp_path, points=12, tasks=40, seed=2).broken == []


@needs_fork
def test_four_processes_share_a_folder(tmp_path):
    assert four.run(tmp_path, tasks=15).broken == []


def test_a_failing_disk_is_one_line_and_the_next_run_completes(tmp_path):
    assert disk.run(tmp_path, tasks=3, every=41).broken == []


@needs_fork
def test_kills_while_the_disk_is_full_lose_and_double_nothing(tmp_path):
    assert full.run(tmp_path, points=5, tasks=12).broken == []


@needs_fork
def test_kills_of_a_training_while_the_disk_is_full_lose_nothing(tmp_path):
    assert training.run(tmp_path, points=2, tasks=4).broken == []


def test_thousands_wait_in_the_queue(tmp_path):
    assert queued.run(tmp_path, tasks=2000).broken == []


@needs_fork
def test_hostile_files_are_one_line_each(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("STUDIO_PARTS", str(tmp_path / "none"))
    assert hostile.run(tmp_path, tasks=280).broken == []


def test_a_session_keeps_nothing_of_the_jobs_that_passed(tmp_path):
    figures = soak.run(tmp_path, tasks=60)
    # so few jobs say nothing of memory by the thousand
    assert [name for name in figures.broken if "memory" not in name] == []
