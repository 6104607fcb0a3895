"""The gallery over HTTP: found, marked, put into the trash and back; only by ids, only what is in it."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from studio.config import Settings
from studio.runtime.session import Session
from studio.server import api
from tests.server.pictures import publish


class Own(NamedTuple):
    """An API over a folder of its own."""

    client: TestClient
    output: Path


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Iterator[Own]:
    """A drawing, what was made from it, and another."""
    home = tmp_path_factory.mktemp("gallery")
    session = Session(Settings(device="cpu", output=home / "pictures", state=home / "state"))
    first = publish(home / "pictures", "a navy star on cream", seed=1, colour="navy")
    publish(home / "pictures", "a teal star on cream", "image-to-image", image=str(first), seed=2, colour="teal")
    publish(home / "pictures", "an orange boat", seed=3, colour="orange")
    served = Own(TestClient(api.build(session)), home / "pictures")
    served.client.post("/api/gallery/refresh")
    yield served
    session.close()


def listed(server, find="", **more):
    answer = server.client.get("/api/gallery", params={"find": find, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def one(server, find):
    (picture,) = listed(server, find)["pictures"]
    return picture["id"]


def test_a_search_finds_and_pages_follow_each_other(own):
    assert listed(own)["total"] == 3
    assert [picture["title"] for picture in listed(own, "boat")["pictures"]] == ["an orange boat"]
    seen, after = [], ""
    while True:
        page = listed(own, most=2, after=after)
        seen += [picture["id"] for picture in page["pictures"]]
        if not (after := page["next"]):
            break
    assert len(seen) == len(set(seen)) == 3


@pytest.mark.parametrize(
    "asked", [{"find": "colour:red"}, {"find": "seed:x"}, {"after": "nowhere"}, {"most": 0}, {"most": 5000}]
)
def test_what_cannot_be_looked_for_is_said(own, asked):
    answer = own.client.get("/api/gallery", params=asked)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_one_picture_says_how_it_was_made_where_it_came_from_and_what_looks_like_it(own):
    star, made = one(own, "navy"), one(own, "teal")
    shown = own.client.get(f"/api/gallery/{made}").json()
    assert shown["recipe"]["workflow"] == shown["workflow"] == "image-to-image"
    assert shown["recipe"]["values"] | {"prompt": "a teal star on cream", "seed": 2} == shown["recipe"]["values"]
    assert [one["picture"]["id"] for one in shown["lineage"]["ancestors"]] == [star]
    assert shown["lineage"]["ancestors"][0]["input"] == "image"
    back = own.client.get(f"/api/gallery/{star}").json()["lineage"]
    assert [one["id"] for one in back["descendants"]] == [made]
    again = own.client.post("/api/jobs", json={name: shown["recipe"][name] for name in ("workflow", "values")})
    assert again.status_code == 201, again.text
    own.client.delete(f"/api/jobs/{again.json()['id']}")


def test_its_file_and_a_small_copy_that_browsers_keep(own):
    star = one(own, "navy")
    file = own.client.get(f"/api/gallery/{star}/file")
    assert file.content == next(own.output.glob("*navy*")).read_bytes()
    small = own.client.get(f"/api/gallery/{star}/thumbnail")
    assert Image.open(BytesIO(small.content)).size == (320, 320)
    assert "immutable" in small.headers["cache-control"]


def test_marks_are_said_of_several_at_once_and_offered_to_choose_from(own):
    ids = [one(own, "boat"), one(own, "navy")]
    said = {"favourite": True, "rating": 4, "note": "for Ada", "tags": {"print": True}, "collections": {"Spring": True}}
    answer = own.client.patch("/api/gallery", json={"pictures": ids, **said})
    assert [(each["favourite"], each["rating"], each["note"]) for each in answer.json()] == [(True, 4, "for Ada")] * 2
    assert {
        each["id"] for each in listed(own, "is:favourite rating:4 tag:print collection:spring Ada")["pictures"]
    } == {*ids}
    choices = own.client.get("/api/gallery/choices").json()
    assert choices["collection"] == [{"name": "Spring", "count": 2}]
    assert {"name": "image-to-image", "count": 1} in choices["workflow"]
    assert {"name": "spark", "count": 3} in choices["model"]
    own.client.patch("/api/gallery", json={"pictures": ids, "favourite": False, "collections": {"spring": False}})
    assert listed(own, "is:favourite")["total"] == listed(own, "collection:Spring")["total"] == 0
    assert listed(own, "rating:4 tag:print")["total"] == 2


@pytest.mark.parametrize(
    "said",
    [{"rating": 6}, {"rating": -1}, {"favourite": "x"}, {"note": "x" * 10_001}, {"tags": {"": True}}, {"stars": 1}],
)
def test_a_mark_that_cannot_be_is_refused(own, said):
    answer = own.client.patch("/api/gallery", json={"pictures": [one(own, "boat")], **said})
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_the_trash_gives_back_what_was_put_there(own):
    boat = one(own, "boat")
    name = own.client.get(f"/api/gallery/{boat}").json()["name"]
    assert own.client.post("/api/gallery/trash", json={"pictures": [boat]}).status_code == 204
    assert not (own.output / name).exists()
    assert listed(own, "boat")["total"] == 0
    assert one(own, "boat is:trash") == boat
    assert own.client.get(f"/api/gallery/{boat}/thumbnail").status_code == 200
    assert own.client.post("/api/gallery/restore", json={"pictures": [boat]}).status_code == 204
    assert (own.output / name).is_file()
    assert one(own, "boat") == boat


def test_all_copies_of_a_picture_go_into_the_trash_together(own):
    publish(own.output, "a plum", seed=5, colour="plum")
    path = next(own.output.glob("*plum*"))
    (own.output / "copy.png").write_bytes(path.read_bytes())
    assert own.client.post("/api/gallery/refresh").json() == {"read": 2, "gone": 0}
    plum = one(own, "plum")
    assert own.client.get(f"/api/gallery/{plum}").json()["copies"] == 2
    own.client.post("/api/gallery/trash", json={"pictures": [plum]})
    assert not path.exists()
    assert not (own.output / "copy.png").exists()


@pytest.mark.parametrize(
    "name", ["0" * 64, "star.png", "../state/queue.sqlite", "%2e%2e%2fqueue.sqlite", "A" * 64, "0"]
)
def test_pictures_go_by_their_ids_alone(own, name):
    for address in (f"/api/gallery/{name}", f"/api/gallery/{name}/file", f"/api/gallery/{name}/thumbnail"):
        assert own.client.get(address).status_code in (404, 422), address
    for address in ("/api/gallery/trash", "/api/gallery/restore"):
        assert own.client.post(address, json={"pictures": [name]}).status_code in (404, 422)
    assert own.client.patch("/api/gallery", json={"pictures": [name], "rating": 1}).status_code in (404, 422)


def test_a_file_that_became_a_link_to_elsewhere_is_not_handed_out(own, tmp_path):
    publish(own.output, "an olive leaf", seed=6, colour="olive")
    own.client.post("/api/gallery/refresh")
    leaf, path = one(own, "olive"), next(own.output.glob("*olive*"))
    path.rename(secret := tmp_path / "secret.png")
    path.symlink_to(secret)
    assert own.client.get(f"/api/gallery/{leaf}/file").status_code == 404
    own.client.post("/api/gallery/refresh")
    assert own.client.get(f"/api/gallery/{leaf}").status_code == 404


def test_a_picture_from_elsewhere_says_that_it_has_no_settings(own):
    Image.new("RGB", (40, 30), "pink").save(own.output / "holiday.png")
    own.client.post("/api/gallery/refresh")
    shown = own.client.get(f"/api/gallery/{one(own, 'holiday')}").json()
    assert (shown["recipe"], shown["title"], shown["width"]) == (None, "holiday.png", 40)
