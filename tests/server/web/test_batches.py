"""The batch page in a real browser: a table comes, its columns are mapped, it fills."""

import base64
from uuid import uuid4
from zipfile import ZipFile

import pytest

from tests.server.web.test_looks import violations

GOOD = "sku,prompt,steps,size\nA1,a red circle,2,64x64\nA2,a blue star,2,64x64\nA3,a moon,2,64x64\n"
WRONG = "sku,promt,steps\nA1,a red circle,2\nA2,a blue star,many\n"


def bring(page, table, name="shop.csv"):
    """Choose a table's file."""
    file = {"name": name, "mimeType": "text/csv", "buffer": table.encode()}
    page.set_input_files(".batches .new input[type=file]", file)


def begun(server, pictures=200, steps=4):
    """The name of a batch that was just begun over HTTP."""
    table = "prompt,steps,size\n" + "".join(f"star {n},{steps},128x128\n" for n in range(pictures))
    data, name = base64.b64encode(table.encode()).decode(), f"Stars {uuid4().hex[:6]}"
    body = {"workflow": "text-to-image", "table": data, "file": "stars.csv", "name": name}
    return server.client.post("/api/batches", json=body).json()["name"]


def test_a_wrong_table_is_mended_on_the_page_and_then_fills(client, server):
    page = client.open("batches")
    page.click(".batches .every .strong")
    bring(page, WRONG)
    page.wait_for_selector(".sheet table")
    assert "did you mean 'prompt'?" in page.inner_text(".sheet th.wrong:has-text('promt')")
    assert page.input_value(".sheet td.wrong input") == "many"
    assert page.is_disabled(".batches .bar .strong")
    assert page.inner_text(".plan").startswith("Fix ")
    page.focus("select[data-column=promt]")
    page.select_option("select[data-column=promt]", label="Prompt")
    page.wait_for_function("!document.querySelector('.sheet th.wrong')")
    assert page.evaluate("document.activeElement.dataset.column") == "promt"
    page.select_option("select[data-column=steps]", label="Don't use (file names only)")
    page.wait_for_selector(".batches .bar .strong:enabled")
    bring(page, GOOD)
    page.wait_for_selector(".sheet tbody tr:nth-child(3)")
    page.fill("[name=names]", "{sku}-{steps}")
    page.wait_for_selector("text=For example A1-2.png")
    page.fill("[name=name]", f"Shop {uuid4().hex[:6]}")
    page.click(".batches .bar .strong")
    page.wait_for_selector("text=Done. All pictures are finished.")
    assert page.locator(".tiles li.made img").count() == 3
    assert page.locator(".tiles strong").all_inner_texts() == ["a red circle", "a blue star", "a moon"]
    assert page.inner_text(".tiles li .about") == "A1-2 · Row 2 · 64 × 64"
    assert violations(page) == []
    batch = page.evaluate("location.hash").removeprefix("#batches/")
    assert (server.output / "batches" / batch / "A3-2.png").is_file()
    with page.expect_download() as download:
        page.click("text=List as CSV")
    assert "A2-2.png" in download.value.path().read_text("utf-8-sig")


def test_wrong_rows_are_mended_or_skipped_and_one_picture_is_made_again(client, server):
    page = client.open("batches/new")
    bring(page, "")
    page.wait_for_selector("text=The table is empty; write the columns' names into its first row")
    bring(page, "sku,prompt,steps,size\nA1,a sun,2,64x64\nA2,,2,64x64\nA3,a moon,many,64x64\n")
    page.wait_for_selector("button:has-text('Skip these 2 rows')")
    page.fill("input[data-cell='3 prompt']", "a tree")
    page.press("input[data-cell='3 prompt']", "Tab")
    page.click("button:has-text('Skip this row')")
    page.wait_for_selector(".plan:has-text('2 pictures, 1 row skipped')")
    assert page.inner_text(".sheet tbody th.wrong").startswith("4\nSkipped. steps:")
    assert violations(page) == []
    page.fill("[name=name]", f"Skipped {uuid4().hex[:6]}")
    page.click(".batches .bar .strong")
    page.wait_for_selector("text=Done. All pictures are finished.")
    assert page.inner_text(".stands").endswith("2 of 2 made, 1 row skipped")
    with page.expect_download() as download:
        page.click("text=Download all (ZIP)")
    with ZipFile(download.value.path()) as archive:
        assert len([name for name in archive.namelist() if name.count("/") == 1 and name.endswith(".png")]) == 2
    first = page.get_attribute(".tiles li:first-child .face", "href")
    with page.context.expect_page() as opened:
        page.click(".tiles li:first-child .face")
    assert opened.value.evaluate("document.images[0].naturalWidth") == 64
    opened.value.close()
    page.click(".tiles li:first-child .redo")
    page.wait_for_function(
        "(was) => document.querySelector('.tiles li.made .face')?.getAttribute('href') !== was", arg=first
    )
    page.wait_for_selector("text=Done. All pictures are finished.")
    assert page.locator(".tiles li.made img").count() == 2
    assert violations(page) == []


def test_whoever_closes_the_page_finds_the_batch_going_on(client, server):
    batch = begun(server)
    page = client.open(f"batches/{batch}")
    page.wait_for_selector(".tiles li.made img")
    page.close()
    page = client.open("batches")
    page.click(f".there a[href='#batches/{batch}']")
    page.wait_for_selector(".tiles li.made img")
    page.wait_for_function("/^Picture .* of 200, step/.test(document.querySelector('.batches .status').textContent)")
    page.click(".acts >> text=Stop")
    page.wait_for_selector("text=left to generate")
    made = page.locator(".tiles li.made img").count()
    assert 0 < made < 200
    page.click(".acts >> text=Resume")
    page.wait_for_function("(made) => document.querySelectorAll('.tiles li.made img').length > made", arg=made)
    page.click(".acts >> text=Stop")
    page.wait_for_selector("text=left to generate")


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1360)])
def test_cells_are_pasted_and_everybody_can_use_the_page(client, scheme, width):
    page = client.open("batches/new", scheme=scheme, width=width)
    page.wait_for_selector(".batches .new select option", state="attached")
    assert violations(page) == []
    page.evaluate(
        """(text) => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text/plain", text);
            document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
        }""",
        WRONG.replace(",", "\t"),
    )
    page.wait_for_selector(".sheet td.wrong")
    assert page.input_value("[name=name]") == "Pasted table"
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".batches .bar").bounding_box()["width"] <= width
