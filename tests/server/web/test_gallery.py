"""The gallery on the page: search, look closer, mark, the trash, and ten thousand pictures."""

import re

import pytest

from studio.galleries.entry import AnnotationChange
from tests.server.pictures import publish
from tests.server.web.test_looks import violations

WORD = "kestrel"  # in what is said of our pictures: the server has others, too
PROMPTS = ("a plum moon", "an orange boat", "a teal cloud", "a navy star")  # the newest first
WINTER = ("winter 8", "winter 7")  # which came from the star


@pytest.fixture(scope="module")
def ours(server):
    """A few pictures in the server's gallery."""
    gallery, folder = server.session.gallery, server.output / WORD
    paths = [
        publish(folder, prompt, seed=n, colour=prompt.split()[1], made=f"2026-11-0{9 - n}T10:00:00+00:00")
        for n, prompt in enumerate(PROMPTS)
    ]
    for n in (7, 8):
        made = f"2026-10-0{n}T10:00:00+00:00"
        paths.append(publish(folder, f"winter {n}", "image-to-image", image=str(paths[3]), seed=n, made=made))
    for path in paths:
        gallery.add(path)
    return [gallery.entry(path).id for path in paths]


@pytest.fixture
def gallery(server, ours):
    """The server's gallery; afterwards nothing is said of our pictures, and all are there."""
    there = server.session.gallery
    there.mark(ours, AnnotationChange(note=WORD))
    yield there
    for one in map(there.entry, ours):
        if one.place == "trash":
            there.restore(one.files)
        taken = {name: dict.fromkeys(getattr(one.marks, name), False) for name in ("tags", "collections")}
        there.mark([one.id], AnnotationChange(favourite=False, rating=0, note="", **taken))


@pytest.fixture
def page(client, gallery):
    return opened(client)


def opened(client, **how):
    """The gallery, with our pictures alone."""
    page = client.open("gallery", **how)
    page.wait_for_selector(".gallery [role=option]")
    find(page)
    shows(page, *PROMPTS, *WINTER)
    return page


def find(page, words=""):
    page.fill(".gallery input[type=search]", f"{WORD} {words}")


def shows(page, *expected):
    """Wait until the grid shows these pictures, each as it is spoken of."""
    page.wait_for_function(
        "(all) => JSON.stringify([...document.querySelectorAll('.gallery [role=option]')].map((one) => one.ariaLabel))"
        " === JSON.stringify(all)",
        arg=list(expected),
    )


def closer(page, title):
    """Open a picture, and wait until it is shown."""
    page.get_by_role("option", name=title).click()
    looked_at(page, title)
    return page.locator(".image-viewer")


def looked_at(page, title):
    """Wait until this picture is shown closer."""
    page.wait_for_function("(title) => document.querySelector('.image-viewer figure img').alt === title", arg=title)


def test_search_words_and_filters_are_one(page):
    find(page, "boat")
    shows(page, "an orange boat")
    find(page)
    shows(page, *PROMPTS, *WINTER)
    page.select_option("select[aria-label=Workflow]", "image-to-image")
    shows(page, *WINTER)
    assert page.input_value(".gallery input[type=search]") == f"{WORD} workflow:image-to-image"
    page.click(".chip:text('Favourites')")
    page.wait_for_selector(".nothing:not([hidden]) >> text=No matches")
    page.click(".nothing button")
    page.wait_for_selector(".gallery [role=option]")
    assert page.input_value(".gallery input[type=search]") == ""
    find(page, "colour:red")
    page.wait_for_function("document.querySelector('.wrong').textContent.includes('colour')")


def test_a_picture_closer_says_how_it_was_made_and_gives_it_all_back(page):
    shown = closer(page, "an orange boat")
    assert "Apache-2.0" in shown.inner_text()
    page.keyboard.press("ArrowRight")
    looked_at(page, "a teal cloud")
    page.go_back()
    looked_at(page, "an orange boat")
    shown.get_by_role("button", name="Reuse settings").click()
    page.wait_for_function("document.querySelector('#make-text-to-image .kind-prompt textarea').value.includes('boat')")
    assert page.locator("#make-text-to-image .kind-seed input[type=number]").input_value() == "1"


def test_a_picture_goes_on_to_another_workflow_and_is_varied(page, server):
    closer(page, "an orange boat").get_by_label("Send to").select_option("image-to-image")
    page.wait_for_selector("#make-image-to-image .kind-picture img")
    assert page.locator("#make-image-to-image .kind-prompt textarea").first.input_value() == "an orange boat"
    page.go_back()
    looked_at(page, "an orange boat")
    page.locator(".image-viewer").get_by_role("button", name="Vary").click()
    page.wait_for_selector("body[data-page=work] .stage .at-work:not([hidden])")
    job = server.session.runs(1)[0].job
    assert (job.values["prompt"], job.seed == 1) == ("an orange boat", False)


def test_kin_can_be_gone_to_both_ways(page):
    closer(page, "a navy star").locator(".tree .after button").first.click()
    looked_at(page, "winter 7")
    page.locator(".image-viewer .tree .before button").click()
    looked_at(page, "a navy star")


def test_what_is_said_of_a_picture_is_kept(page, gallery):
    shown = closer(page, "a plum moon")
    page.keyboard.press("f")
    page.keyboard.press("4")
    page.wait_for_selector(".image-viewer .stars .lit:nth-child(4)")
    for box, name in (("Add a tag", "print"), ("Add to a collection", "Spring cards")):
        shown.get_by_label(box).fill(name)
        shown.get_by_label(box).press("Enter")
        page.wait_for_selector(f".image-viewer .name >> text={name}")
    shown.get_by_label("Note").fill(f"{WORD} for Ada")
    shown.get_by_label("Note").blur()
    page.keyboard.press("Escape")
    page.wait_for_selector(".gallery .marks >> text=♥ ★★★★")
    page.select_option("select[aria-label=Collection]", "Spring cards")
    shows(page, "a plum moon, favourite, 4 of 5 stars")
    (entry,) = gallery.find('Ada tag:print collection:"Spring cards" is:favourite rating:4').entries
    assert entry.prompt == "a plum moon"
    page.locator("[role=option]").click()
    page.click("[aria-label='Remove from print']")
    page.wait_for_selector(".image-viewer .name >> text=print", state="detached")


def test_the_keyboard_chooses_marks_and_puts_into_the_trash_and_out_again(page, gallery):
    page.locator("[role=option]").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.ariaLabel") == "an orange boat"
    page.keyboard.press("Delete")
    shows(page, "a plum moon", *PROMPTS[2:], *WINTER)
    assert gallery.find(f"{WORD} is:trash").total == 1
    page.click("#toast button")
    shows(page, *PROMPTS, *WINTER)
    page.locator("[role=option]").first.focus()
    for key in ("Space", "ArrowRight", "Space"):
        page.keyboard.press(key)
    assert page.inner_text(".chosen strong") == "2 selected"
    page.keyboard.press("5")
    shows(page, *(f"{prompt}, 5 of 5 stars" for prompt in PROMPTS[:2]), *PROMPTS[2:], *WINTER)
    page.locator(".chosen").get_by_role("button", name="Trash").click()
    shows(page, *PROMPTS[2:], *WINTER)
    page.click(".chip:text('Trash')")
    shows(page, *(f"{prompt}, 5 of 5 stars" for prompt in PROMPTS[:2]))
    page.locator("[role=option]").first.focus()
    page.keyboard.press("Delete")
    shows(page, "an orange boat, 5 of 5 stars")
    page.locator("[role=option]").first.focus()
    page.keyboard.press("Enter")
    page.locator(".image-viewer").get_by_role("button", name="Put back").click()
    page.wait_for_selector(".nothing >> text=Nothing in the trash")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(client, gallery, ours, scheme):
    page = opened(client, scheme=scheme)
    gallery.mark(ours[3:4], AnnotationChange(favourite=True, rating=3, tags={"print": True}))
    find(page, "winter")
    shows(page, *WINTER)
    page.locator("[role=option]").first.focus()
    page.keyboard.press("Space")
    assert violations(page) == []
    page.keyboard.press("Escape")
    find(page, "star")
    closer(page, "a navy star")
    page.wait_for_selector(".image-viewer .tree img")
    assert violations(page) == []
    page.keyboard.press("Escape")
    find(page, "nothing")
    page.wait_for_selector(".nothing:not([hidden])")
    assert violations(page) == []


def test_it_fits_a_phone(client, gallery):
    page = opened(client, width=390, height=844)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    closer(page, "a navy star")
    page.wait_for_selector(".image-viewer .tree img")
    assert page.evaluate("document.querySelector('.image-viewer').scrollWidth") <= 390


def test_of_ten_thousand_pictures_only_those_near_the_view_are_on_the_page(client):
    page = client.open()

    def answer(route):
        """Ten thousand pictures, as the server would list them."""
        after = int(re.search(r"after=(\d*)", route.request.url)[1] or 0)
        most = int(re.search(r"most=(\d+)", route.request.url)[1])
        picture = {
            "width": 8,
            "height": 8,
            "place": "here",
            "favourite": False,
            "rating": 0,
            "thumbnail": "/studio/icon.svg",
        }
        pictures = [
            {**picture, "id": f"{n:064}", "title": f"number {n}"} for n in range(after, min(10_000, after + most))
        ]
        following = str(after + most) if after + most < 10_000 else ""
        route.fulfill(json={"pictures": pictures, "next": following, "total": 10_000})

    page.route("**/api/gallery?*", answer)
    page.click("a[data-page=gallery]")
    page.wait_for_selector("[aria-label='number 0']")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_selector("[aria-label='number 9999'] img")
    assert page.locator(".gallery [role=option]").count() < 150
    assert page.locator("[aria-label='number 0']").count() == 0
    page.get_by_role("option", name="number 9990").focus()
    page.keyboard.press("Home")
    page.wait_for_selector("[aria-label='number 0']")
    assert page.evaluate("document.activeElement.ariaLabel") == "number 0"
