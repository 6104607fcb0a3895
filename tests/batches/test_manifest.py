import csv

import pytest

from studio.batches import manifest
from studio.batches.manifest_row import ManifestRow, ManifestSource
from studio.errors import InputError


def entry(n=1, **more):
    return ManifestRow(**{"row": n, "file": f"{n}.png", "status": "made", "seed": n, "key": f"{n:064x}", **more})


def table(out):
    with (out / manifest.TABLE).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_lines_are_read_back_as_they_were_written(tmp_path):
    written = [entry(n, cells={"prompt": "ünï 星\nline two"}) for n in (1, 2)]
    for one in written:
        manifest.append(tmp_path, one)
    assert list(manifest.lines(tmp_path)) == written
    manifest.write(tmp_path, written, ("prompt",))
    assert list(manifest.lines(tmp_path)) == written


def test_there_are_no_lines_without_a_manifest(tmp_path):
    assert list(manifest.lines(tmp_path)) == []


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_a_line_cut_off_is_passed_over_and_the_next_begins_anew(tmp_path, cut):
    for n in (1, 2):
        manifest.append(tmp_path, entry(n))
    file = tmp_path / manifest.LINES
    file.write_bytes(file.read_bytes()[:-cut])
    manifest.append(tmp_path, entry(3))
    manifest.append(tmp_path, entry(4))
    read = [line.row for line in manifest.lines(tmp_path)]
    assert read == ([1, 2, 3, 4] if cut == 1 else [1, 3, 4])


def test_the_table_has_a_column_for_everything(tmp_path):
    sources = (
        ManifestSource(name="neon", sha256="ab", licence="CC-BY-4.0"),
        ManifestSource(name="ink", sha256="cd", licence="unknown"),
    )
    manifest.write(
        tmp_path, [entry(models=sources[:1], loras=sources, seconds=1.5, cells={"seed": "x", "a": "b"})], ("seed", "a")
    )
    (row,) = table(tmp_path)
    assert (row["model"], row["model_sha256"]) == ("neon", "ab")
    assert (row["loras"], row["loras_licence"]) == ("neon; ink", "CC-BY-4.0; unknown")
    assert (row["seed"], row["table seed"], row["a"], row["seconds"]) == ("1", "x", "b", "1.5")
    assert (tmp_path / manifest.TABLE).read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-x", "@sum", "\t=1", " =1", "|x"])
def test_no_text_becomes_a_formula_in_a_spreadsheet(tmp_path, text):
    manifest.write(tmp_path, [entry(cells={"=a": text})], ("=a",))
    assert table(tmp_path)[0]["'=a"] == f"'{text}"
    assert next(manifest.lines(tmp_path)).cells == {"=a": text}


@pytest.mark.parametrize("text", ["-1", "+1.5", "-1e6", "a=b", ""])
def test_numbers_and_harmless_texts_stay(tmp_path, text):
    manifest.write(tmp_path, [entry(cells={"a": text})], ("a",))
    assert table(tmp_path)[0]["a"] == text


@pytest.mark.parametrize("name", [manifest.LINES, manifest.TABLE])
def test_a_file_of_somebody_else_is_not_replaced(tmp_path, name):
    manifest.check(tmp_path)
    (tmp_path / name).write_text("mine\n")
    with pytest.raises(InputError, match=f"{name}' was not written by a batch"):
        manifest.check(tmp_path)
    (tmp_path / name).unlink()
    manifest.append(tmp_path, entry())
    manifest.write(tmp_path, [entry()], ())
    manifest.check(tmp_path)
