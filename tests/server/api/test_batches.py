"""Batches over HTTP: looked at, begun, followed, stopped, gone on with."""

import base64
import csv
import io
import json
import time
from uuid import uuid4
from zipfile import ZipFile

import pytest

from studio.pictures.picture import Picture
from studio.runtime.session import Session
from studio.server.batch_store import BatchStore
from tests.server.api.test_jobs import lines

TABLE = "Art-Nr,Prompt,Schritte,size\n4711,a red circle on white,2,64x64\n4712,a blue star on cream,2,\n"


def sent(table=TABLE, file="shop.csv", **how):
    return {
        "workflow": "text-to-image",
        "table": base64.b64encode(table.encode()).decode(),
        "file": file,
        "mapping": {"Schritte": "steps"} if "Schritte" in table else {},
        "name": f"Shop {uuid4().hex[:8]}",
        **how,
    }


def looked(server, table=TABLE, **how):
    answer = server.client.post("/api/batches/preview", json=sent(table, **how))
    assert answer.status_code == 200, answer.text
    return answer.json()


def begun(server, table=TABLE, **how):
    answer = server.client.post("/api/batches", json=sent(table, **how))
    assert answer.status_code == 201, answer.text
    return answer.json()["name"]


def get(server, path):
    answer = server.client.get(f"/api/batches/{path}".rstrip("/"))
    assert answer.status_code == 200, answer.text
    return answer.json()


def ended(server, batch):
    """What was heard until the batch was over."""
    with server.client.stream("GET", f"/api/batches/{batch}/events") as answer:
        return list(lines(answer))


def test_a_look_says_what_columns_are_for_and_makes_nothing(server):
    before = sorted(server.output.rglob("*"))
    seen = looked(server)
    assert [(one["name"], one["input"]) for one in seen["columns"]] == [
        ("Art-Nr", ""), ("Prompt", "prompt"), ("Schritte", "steps"), ("size", "size"),
    ]  # fmt: skip
    assert (seen["pictures"], seen["total_rows"], seen["problems"]) == (2, 2, [])
    cells = {"Art-Nr": "4711", "Prompt": "a red circle on white", "Schritte": "2", "size": "64x64"}
    assert seen["rows"][0] == {"row": 2, "cells": cells}
    assert seen["examples"][0].startswith("a-red-circle-on-white-")
    assert {"name": "prompt", "label": "Prompt", "required": True} in seen["inputs"]
    assert looked(server, names="{art_nr}-{schritte}")["examples"] == ["4711-2.png", "4712-2.png"]
    assert sorted(server.output.rglob("*")) == before


def test_all_that_is_wrong_is_told_by_row_and_column_in_words_without_flags(server):
    seen = looked(server, "promt,steps,model,title.de\nx,many,spark,\ny,2,/etc/passwd,z\n", grid=["guidance=99"])
    told = {(one["row"], one["column"]): one["reason"] for one in seen["problems"]}
    assert "did you mean 'prompt'?" in told[0, "promt"]
    assert (2, "steps") in told
    assert "there is no model '/etc/passwd'" in told[3, "model"]
    assert (0, "grid, guidance") in told
    assert (seen["pictures"], seen["plan"]) == (None, None)
    assert "--" not in json.dumps(seen["problems"])
    assert server.client.post("/api/batches", json=sent("promt\nx\n")).status_code == 422


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"table": "%%"}, "no base64"),
        ({"table": "", "grid": []}, "give a table"),
        ({"table": "data:"}, "the table is empty"),
        ({"table": "data:text/csv;base64,IAo="}, "the table is empty"),
        ({"file": "/home/me/shop.pdf"}, "'shop.pdf' is not a table"),
        ({"workflow": "/etc/passwd"}, "workflow"),
        ({"mapping": {"Preis": "steps"}}, "no column 'Preis'"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_cannot_be_looked_at_is_a_problem_document(server, how, says):
    answer = server.client.post("/api/batches/preview", json={**sent(), **how})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert says in answer.json()["detail"]
    assert "/home" not in answer.text
    assert "/tmp" not in answer.text  # noqa: S108


def test_a_batch_fills_its_folder_and_tells_of_every_picture(server):
    batch = begun(server, names="{art_nr}")
    heard = ended(server, batch)
    assert heard[-1][0] == "done"
    done = [data for name, data in heard if name == "rowdone"]
    rows = get(server, f"{batch}/rows")
    assert [(row["row"], row["file"], row["status"]) for row in rows["rows"]] == [
        (2, "4711.png", "made"), (3, "4712.png", "made"),
    ]  # fmt: skip
    assert {one["key"] for one in done} <= {row["key"] for row in rows["rows"]}
    one = get(server, batch)
    assert (one["state"], one["pictures"], one["made"], one["failed"], one["left"]) == ("done", 2, 2, 0, 0)
    content = server.client.get(rows["rows"][0]["url"]).content
    assert content == (server.output / "batches" / batch / "4711.png").read_bytes()
    assert Picture(server.output / "batches" / batch / "4711.png").job.values["size"] == "64x64"
    assert "4712.png" in server.client.get(one["files"]["manifest.csv"]).text
    sheet = server.client.get(one["files"]["contact-sheet.html"])
    assert sheet.headers["content-type"].startswith("text/html")
    assert "script-src 'sha256-" in sheet.headers["content-security-policy"]
    page = server.output / "batches" / batch / "contact-sheet.html"
    assert sheet.text == page.read_text("utf-8")
    page.write_text("<script>steal()</script>")  # by whoever can write there: the page is made anew from the manifest
    assert server.client.get(one["files"]["contact-sheet.html"]).text == sheet.text
    assert one["name"] in [each["name"] for each in get(server, "")]
    assert get(server, f"{batch}/rows?after=1&most=1")["rows"] == rows["rows"][1:]


def test_names_are_made_safe_and_not_taken_twice(server):
    name = begun(server, name="../../Läden & More")
    assert name == "läden-more"
    assert (server.output / "batches" / name / ".studio" / "batch.json").is_file()
    again = server.client.post("/api/batches", json=sent(name="Läden  more"))
    assert (again.status_code, again.json()["field"]) == (422, "name")
    assert server.client.post("/api/batches", json=sent(name=" .. ")).json()["field"] == "name"
    ended(server, name)


def test_one_that_is_stopped_goes_on_even_in_another_server(server):
    table = "prompt\n" + "".join(f"star {n}\n" for n in range(30))
    batch = begun(server, table, values={"steps": 2, "size": "64x64"})
    second = begun(server, values={"steps": 1})
    assert get(server, second)["state"] == "waiting"
    server.client.post(f"/api/batches/{second}/stop")
    assert get(server, second)["state"] == "stopped"
    while not get(server, batch)["made"]:
        time.sleep(0.02)
    server.client.post(f"/api/batches/{batch}/stop")
    assert ended(server, batch)[-1][0] == "cancelled"
    made = get(server, batch)["made"]
    assert 0 < made < 30
    elsewhere = Session(server.session.settings)
    another = BatchStore(elsewhere)
    assert (another.status(batch).state, another.status(batch).left) == ("stopped", 30 - made)
    another.go(batch)
    while another.status(batch).count("made") == made:
        time.sleep(0.02)
    elsewhere.close()
    look = get(server, batch)
    assert (look["state"], look["failed"]) == ("stopped", 0)
    server.client.post(f"/api/batches/{batch}/go")
    assert ended(server, batch)[-1][0] == "done"
    assert len(list((server.output / "batches" / batch).glob("*.png"))) == 30


def test_one_that_is_damaged_does_not_hide_the_others(server):
    good, bad = begun(server, "prompt,steps\na sun,1\n"), begun(server, "prompt,steps\na moon,1\n")
    ended(server, good)
    ended(server, bad)
    (server.output / "batches" / bad / ".studio" / "batch.json").write_text("{")
    names = [one["name"] for one in get(server, "")]
    assert good in names
    assert bad not in names
    assert "damaged" in server.client.get(f"/api/batches/{bad}").json()["detail"]


def test_a_row_that_fails_says_why_and_is_tried_again_when_asked(server):
    picture = server.picture()
    content = picture.read_bytes()
    with server.held():
        before = begun(server, "prompt\na star|a moon|a sun\n", values={"steps": 9})
        batch = begun(server, f"image,prompt,steps\n{picture.name},x,2\n", workflow="image-to-image", names="one")
        picture.unlink()  # while it waits
        server.client.post(f"/api/batches/{before}/stop")
    heard = ended(server, batch)
    problem = next(data for name, data in heard if name == "rowdone")["problem"]
    assert problem == f"image: there is no file '{picture.name}'"
    one = get(server, batch)
    assert (one["state"], one["made"], one["failed"]) == ("done", 0, 1)
    picture.write_bytes(content)
    server.client.post(f"/api/batches/{batch}/go")
    ended(server, batch)
    assert get(server, batch)["failed"] == 1
    row = get(server, f"{batch}/rows")["rows"][0]
    assert (row["status"], row["problem"]) == ("failed", problem)
    server.client.post(f"/api/batches/{batch}/retry")
    ended(server, batch)
    assert (get(server, batch)["made"], get(server, batch)["failed"]) == (1, 0)


def test_cells_name_pictures_of_ours_and_no_other_file(server, tmp_path):
    inside, outside = server.picture(), tmp_path / "secret.png"
    outside.write_bytes(inside.read_bytes())
    (server.output / "out.png").symlink_to(outside)
    refused = [str(outside), f"../{outside.name}", "out.png", "inputs", str(server.output / "no.png"), "~/x.png"]
    cells = "".join(f"{name},x\n" for name in [inside.name, *refused])
    seen = looked(server, f"image,prompt\n{cells}", workflow="image-to-image")
    wrong = [(one["row"], one["column"]) for one in seen["problems"]]
    assert wrong == [(row, "image") for row in range(3, 3 + len(refused))]
    for how in ({"values": {"image": str(outside)}}, {"grid": [f"image={outside}"]}):
        seen = looked(server, "prompt\nx\n", workflow="image-to-image", **how)
        assert "is not a picture in the studio's folder" in seen["problems"][0]["reason"]
    seen = looked(server, f"image,prompt\n{inside.name},x\n", workflow="image-to-image")
    assert (seen["problems"], seen["pictures"]) == ([], 1)
    (server.output / "out.png").unlink()


@pytest.mark.parametrize("name", ["nope", "%2e%2e", "inputs", "a%2F..%2Fb", ".studio"])
def test_what_is_no_batch_is_not_there(server, name):
    for path in ("", "/rows", "/events", "/files/manifest.csv"):
        assert server.client.get(f"/api/batches/{name}{path}").status_code == 404


def test_of_a_batch_only_its_lists_and_pictures_are_handed_out(server):
    batch = begun(server, "prompt,steps\na moon,1\n")
    ended(server, batch)
    (server.output / "batches" / batch / "away").symlink_to(server.output.parent)
    for file in (".studio/batch.json", ".studio/table.csv", "../../x.png", "away/state/queue.sqlite", ""):
        assert server.client.get(f"/api/batches/{batch}/files/{file}").status_code == 404


BAD = "sku,prompt,steps,size\nA1,a sun,1,64x64\nA2,,1,64x64\nA3,a moon,many,64x64\nA4,a star,1,64x64\n"


def test_wrong_rows_are_skipped_when_asked_and_stand_in_the_manifest(server):
    assert looked(server, BAD)["wrong_rows"] == 2
    assert looked(server, BAD, grid=["guidance=99"])["wrong_rows"] == 0
    seen = looked(server, BAD, skip_wrong=True)
    assert (seen["pictures"], seen["problems"], [one["row"] for one in seen["skipped"]]) == (2, [], [3, 4])
    batch = begun(server, BAD, skip_wrong=True)
    assert ended(server, batch)[-1][0] == "done"
    one = get(server, batch)
    assert (one["state"], one["made"], one["failed"], one["left"], one["skipped"]) == ("done", 2, 0, 0, 2)
    told = csv.DictReader(io.StringIO(server.client.get(one["files"]["manifest.csv"]).content.decode("utf-8-sig")))
    rows = [(line["row"], line["status"], line["sku"], line["problem"][:7]) for line in told]
    assert rows == [("2", "made", "A1", ""), ("3", "skipped", "A2", "prompt:"), ("4", "skipped", "A3", "steps: "),
                    ("5", "made", "A4", "")]  # fmt: skip
    server.client.post(f"/api/batches/{batch}/go")
    ended(server, batch)
    assert get(server, batch)["skipped"] == 2


def test_cells_are_mended_without_the_table(server):
    mended = {"3": {"prompt": "a tree"}, "4": {"steps": "1"}}
    assert looked(server, BAD, cells=mended)["pictures"] == 4
    assert looked(server, BAD, cells={"3": {"prompt": "a tree"}})["wrong_rows"] == 1
    batch = begun(server, BAD, cells=mended)
    ended(server, batch)
    rows = get(server, f"{batch}/rows")["rows"]
    assert [(row["prompt"], row["size"], row["status"]) for row in rows] == [
        (prompt, [64, 64], "made") for prompt in ("a sun", "a tree", "a moon", "a star")
    ]
    for cells in ({"9": {"prompt": "x"}}, {"3": {"Preis": "x"}}):
        assert server.client.post("/api/batches/preview", json=sent(BAD, cells=cells)).json()["field"] == "cells"


def test_a_zip_has_the_pictures_and_the_lists_and_nothing_from_elsewhere(server):
    batch = begun(
        server, "sku,prompt,steps,size\nnord/a,a sun,1,64x64\n", names="{sku}", name=f"Läden {uuid4().hex[:6]}"
    )
    ended(server, batch)
    folder = server.output / "batches" / batch
    (folder / "contact-sheet" / "away.png").symlink_to(server.picture())
    (folder / "contact-sheet.html").write_text("<script>alert(1)</script>")
    line = json.loads((folder / "manifest.jsonl").read_text())
    with (folder / "manifest.jsonl").open("a") as file:
        file.writelines(
            json.dumps(line | {"key": f"{n}", "file": away}) + "\n"
            for n, away in enumerate(("../../x.png", "/etc/passwd"))
        )
    answer = server.client.get(f"/api/batches/{batch}/zip")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''l%C3%A4den-")
    with ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        inside = {name.removeprefix(f"{batch}/") for name in archive.namelist()}
        assert b"alert(1)" not in archive.read(f"{batch}/contact-sheet.html")
        picture = get(server, f"{batch}/rows")["rows"][0]["file"]
        assert archive.read(f"{batch}/{picture}") == (folder / picture).read_bytes()
    assert {picture, "manifest.csv", "manifest.jsonl", "contact-sheet.html", "contact-sheet/page-1.png"} <= inside
    assert not [name for name in inside if ".." in name or name.startswith("/") or name.endswith("away.png")]
    assert server.client.get("/api/batches/nope/zip").status_code == 404
    bare = {"Authorization": "Bearer wrong", "Cookie": ""}
    assert server.client.get(f"/api/batches/{batch}/zip", headers=bare).status_code == 401


def test_one_picture_is_made_again_with_another_seed_and_the_first_one_stays(server):
    batch = begun(server, "sku,prompt,steps,size\nA1,a sun,1,64x64\nA2,a moon,1,64x64\n")
    ended(server, batch)
    first, second = get(server, f"{batch}/rows")["rows"]
    assert server.client.post(f"/api/batches/{batch}/rows/{first['key']}/redo").status_code == 200
    ended(server, batch)
    again, same = get(server, f"{batch}/rows")["rows"]
    assert same == second
    assert (again["status"], again["prompt"]) == ("made", "a sun")
    assert again["key"] != first["key"]
    folder = server.output / "batches" / batch
    seeds = [Picture(folder / row["file"]).job.seed for row in (first, again)]
    assert seeds[0] != seeds[1]
    assert again["file"] == first["file"].replace(".png", f"-{seeds[1]}.png")
    one = get(server, batch)
    assert (one["state"], one["made"], one["left"]) == ("done", 2, 0)
    assert len(BatchStore(server.session).batch(batch).tasks) == 2
    assert server.client.post(f"/api/batches/{batch}/rows/{first['key']}/redo").status_code == 422
