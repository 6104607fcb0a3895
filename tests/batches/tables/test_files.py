"""Tables as people's programs write them."""

import time
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pandas
import pytest
from openpyxl import Workbook
from openpyxl.styles import Font

from studio.batches.columns import Columns
from studio.batches.tables import files
from studio.batches.tables.table import MOST_ROWS, of_python
from studio.errors import InputError
from studio.parameters.types import Size


@pytest.fixture
def table(tmp_path):
    def read(name, content, **how):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return files.read(file, **how)

    return read


@pytest.fixture
def book(tmp_path):
    def read(*rows, sheet="", change=lambda book: None):
        made = Workbook()
        for row in rows:
            made.active.append(row)
        change(made)
        made.save(tmp_path / "t.xlsx")
        return files.read(f"{tmp_path / 't.xlsx'}{sheet}")

    return read


def cells(table):
    return [(row.number, dict(row.cells)) for row in table.rows]


WANTED = [(2, {"prompt": "a red, round sun", "steps": "3"}), (4, {"prompt": "Mond\nüber 海"})]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", 'prompt,steps\n"a red, round sun",3\n\n"Mond\nüber 海",\n'),
        ("t.csv", '\ufeffprompt;steps\r\na red, round sun;3\r\n;\r\n"Mond\nüber 海";\r\n'),
        ("T.CSV", 'prompt\tsteps\na red, round sun\t3\n\t\n"Mond\nüber 海"\t\n'.encode("utf-16")),
        ("t.csv", 'prompt,steps\r"a red, round sun",3\r\r"Mond\nüber 海",\r'),
        ("t.tsv", ' prompt \tsteps\n a red, round sun \t3\n\n"Mond\nüber 海"\t\n'),
        ("t.jsonl", '\n{"prompt": "a red, round sun", "steps": 3}\n\n{"prompt": "Mond\\nüber 海", "steps": null}\n'),
    ],
)
def test_text_tables_say_the_same_however_they_were_saved(table, name, content):
    found = table(name, content)
    assert (found.columns, cells(found), found.problems) == (("prompt", "steps"), WANTED, ())


def test_a_workbook_says_what_people_see_in_it(book):
    def dress(made):
        made.active["B2"].number_format = "00000"

    found = book(
        ["prompt", "sku", "guidance", "on", "day", "crisp"],
        ["a sun", 42, 0.1 + 0.2, datetime(2026, 5, 4), datetime(2026, 5, 4, 9, 30), True],
        [],
        ["a moon", 7, 3.0, None, None, False],
        change=dress,
    )
    day = {"on": "2026-05-04 0:00:00", "day": "2026-05-04 9:30:00", "crisp": "TRUE"}
    assert cells(found) == [
        (2, {"prompt": "a sun", "sku": "00042", "guidance": "0.3", **day}),
        (4, {"prompt": "a moon", "sku": "7", "guidance": "3", "crisp": "FALSE"}),
    ]


def test_a_cell_says_what_its_format_shows_and_an_input_is_given_the_number(book, text_to_image):
    def dress(made):
        formats = ["000-00", '"SKU-"0000', "0%", "[h]:mm", "mm-dd-yy", "@", "0.0", "yyyy"]
        for cell, code in zip(made.active[2], formats, strict=True):
            cell.number_format = code

    names = ["a", "b", "c", "d", "e", "f", "steps", "title"]
    row = [7, 7, 0.125, timedelta(hours=30), datetime(2026, 5, 4), "007", 20, datetime(2026, 5, 4)]
    found = book(names, row, change=dress)
    shown = ("000-07", "SKU-0007", "13%", "30:00", "2026-05-04", "007", "20.0", "2026")
    assert cells(found) == [(2, dict(zip(names, shown, strict=True)))]

    columns = Columns.of(text_to_image, found, [], {}, ["all"])
    assert columns.values(found.rows[0], {})["steps"].value == "20"


def test_what_a_format_shows_and_cannot_be_told_is_a_problem(book):
    def dress(made):
        made.active["A2"].number_format = "[$-407]mmmm"

    found = book(["on"], [datetime(2026, 5, 4)], ["x"], change=dress)
    assert found.problems[0].row == 2
    assert "'[$-407]mmmm', and how Excel shows it is not known: it names months" in found.problems[0].reason
    assert cells(found) == [(3, {"on": "x"})]


def test_merged_cells_say_the_same_in_each_row_they_reach(book):
    rows = [["sku", "size", "prompt"], ["a", "64x64", "x"], ["b", None, "y"], [None] * 3, ["c", "128x128", "z"]]
    assert cells(book(*rows, change=lambda made: made.active.merge_cells("B2:B4"))) == [
        (2, {"sku": "a", "size": "64x64", "prompt": "x"}),
        (3, {"sku": "b", "size": "64x64", "prompt": "y"}),
        (5, {"sku": "c", "size": "128x128", "prompt": "z"}),
    ]


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        (b'<row r="3"', b'<row r="0"'),
        (b'<row r="3"', b'<row r="2"'),
        (b'<row r="3"', b'<row r="-5"'),
        (b'r="A3"', b'r="B3"'),
        (b'r="B3"', b'r="A3"'),
    ],
)
def test_rows_and_cells_out_of_their_order_are_refused_as_they_would_be_left_out(tmp_path, book, written, instead):
    assert len(book(["sku", "prompt"], ["a", "x"], ["b", "y"], ["c", "z"]).rows) == 3
    with zipfile.ZipFile(tmp_path / "t.xlsx") as good, zipfile.ZipFile(tmp_path / "odd.xlsx", "w") as odd:
        for name in good.namelist():
            odd.writestr(name, good.read(name).replace(written, instead) if "sheet1" in name else good.read(name))
    with pytest.raises(InputError, match=r"row -?\d or a cell of it is out of order or duplicated"):
        files.read(tmp_path / "odd.xlsx")


def test_what_merged_cells_leave_open_is_refused(book):
    def merge(*blocks):
        return lambda made: [made.active.merge_cells(block) for block in blocks]

    rows = [["sku", "size"], ["a", None], ["b", "64x64"]]
    beside = book(*rows, change=merge("A2:B2"))
    assert [str(problem) for problem in beside.problems] == [
        "row 2, size: is merged with the one before it, so its column is not clear; unmerge the cells"
    ]
    below = book(["sku", "size"], [None, "small"], ["b", "64x64"], change=merge("A1:A2"))
    assert [(one.row, one.column) for one in below.problems] == [(2, "sku")]
    with pytest.raises(InputError, match="among the columns' names, a cell is merged with the one before it"):
        book(["Products", None], *rows, change=merge("A1:B1"))
    assert cells(book(*rows, change=merge("D1:E9", "A9:B90")))[1:] == [(3, {"sku": "b", "size": "64x64"})]


def test_blanks_far_off_and_looks_say_nothing(book):
    def dress(made):
        made.active["E900"] = " "
        made.active["C700"].font = Font(bold=True)

    assert cells(book(["sku", "prompt"], ["1", "x"], change=dress)) == [(2, {"sku": "1", "prompt": "x"})]


@pytest.mark.parametrize(
    "text", ["sep=;\nsku;prompt\n1;a, b\n", '"sep=;"\r\nsku;prompt\r\n1;a, b\r\n', "sep=|\nsku|prompt\n1|a, b\n",
             "SEP=\t\nsku\tprompt\n1\ta, b\n"],
)  # fmt: skip
def test_a_first_line_may_say_what_parts_cells(table, text):
    for content in (text, text.encode("utf-16"), "\ufeff" + text):
        assert cells(table("t.csv", content)) == [(2, {"sku": "1", "prompt": "a, b"})]


def test_a_sheet_is_chosen_by_name(book):
    def add(made):
        other = made.create_sheet("Herbst")
        other.append(["prompt"])
        other.append(["a leaf"])

    assert cells(book(["prompt"], ["a sun"], sheet="#Herbst", change=add)) == [(2, {"prompt": "a leaf"})]
    with pytest.raises(InputError, match="no sheet 'Herbts'; did you mean 'Herbst'"):
        book(["prompt"], ["a sun"], sheet="#Herbts", change=add)


def test_formulas_that_say_nothing_are_problems(book):
    found = book(["prompt", "steps"], ["a sun", "=1+2"], ["a moon", "=NA()"], ["a star", "3"])
    assert [(p.row, p.column) for p in found.problems] == [(2, "steps"), (3, "steps")]
    assert "never calculated" in found.problems[0].reason
    assert [row.number for row in found.rows] == [4]


def test_rows_that_do_not_fit_are_named_and_the_others_read(table):
    found = table("t.csv", "prompt,steps\na sun\na moon,3,4\na star,5, ,\n")
    assert [str(p) for p in found.problems] == ["row 3: has 3 cells, and there are 2 columns"]
    assert cells(found) == [(2, {"prompt": "a sun"}), (4, {"prompt": "a star", "steps": "5"})]


def test_lines_that_are_no_records_are_named(table):
    lines = ['{"a": 1}', "[1]", '{"a": {"b": 1}}', '{"a": 1, "a": 2}', '{"a"', '{"a": ["x", 2]}', "[" * 100_000]
    found = table("t.jsonl", "\n".join(lines))
    assert sorted(p.row for p in found.problems) == [2, 3, 4, 5, 7]
    assert cells(found) == [(1, {"a": "1"}), (6, {"a": ["x", "2"]})]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        *((name, "", "it is empty; write the columns' names") for name in ("t.csv", "t.tsv", "t.jsonl", "t.xlsx")),
        ("t.csv", " \n\n", "is empty"),
        ("t.csv", "a,,b\n1,2,3\n", "column 2 has no name"),
        ("t.csv", "a,b,a\n1,2,3\n", "two columns are called 'a'"),
        ("t.csv", 'a,b\n"1,2\n', "line 2 cannot be read"),
        ("t.csv", "a\nGr\u00fcn\n".encode("latin-1"), "line 2 is not UTF-8.*--encoding latin-1"),
        ("t.csv", b"\xff\xfea", "not UTF-8"),
        ("t.xlsx", b"PK no", "is not a readable Excel workbook"),
        ("t.ods", "", "save it as .csv, .tsv"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(table, name, content, says):
    with pytest.raises(InputError, match=says) as caught:
        table(name, content)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.xlsx"])
def test_a_damaged_file_is_read_or_refused_and_nothing_worse(table, book, tmp_path, name):
    book(["prompt", "steps"], ["a sun", 3], ["=1+1", "x"])
    whole = {"t.csv": b'prompt,steps\n"a, b",3\nx,\n', "t.jsonl": b'{"a": 1}\n{"b": [1, "x"]}\n'}
    content, lot = whole.get(name) or (tmp_path / "t.xlsx").read_bytes(), Random(name)
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(lot.randint(1, 5)):
            damaged[lot.randrange(len(damaged))] = lot.choice(b'",;\n\r\t\0{}[]x\xff')
        try:
            found = table(name, bytes(damaged[: lot.randint(1, len(damaged) * 2)]))
            assert found.columns or found.problems
        except InputError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.csv", ",".join(f"c{n}" for n in range(100_000)) + "\n1\n", "over 1,000 columns"),
        ("t.csv", f"a,b\n{'x' * 140_000},1\n", "field larger than field limit"),
        ("t.csv", "a\n" + "\n" * 250_000 + "x\n", "over 200,000 rows, empty ones included"),
        ("t.csv", "," * 4_000_001, "line 1 is over 4,000,000 characters long"),
        ("t.csv", "a\n" + ("," * 5000 + "\n") * 500, "over 2,000,000 cells"),
        ("t.jsonl", "{" + ",".join(f'"k{n}":1' for n in range(100_000)) + "}\n", "over 1,000 columns"),
        ("t.jsonl", "".join(f'{{"k{n}": 1}}\n' for n in range(1001)), "over 1,000 columns"),
        ("t.jsonl", "\n" * 200_001, "over 200,000 lines"),
    ],
)
def test_a_table_costs_no_more_than_tables_may(table, name, content, says):
    began = time.process_time()
    with pytest.raises(InputError, match=says) as caught:
        table(name, content)
    assert time.process_time() - began < 2
    assert "\n" not in str(caught.value)


def test_rows_and_columns_of_a_workbook_may_be_numbered_as_they_like(book, tmp_path):
    book(["prompt"], ["a sun"])
    with zipfile.ZipFile(tmp_path / "t.xlsx") as whole:
        parts = {part.filename: whole.read(part) for part in whole.infolist()}
    sheet = "xl/worksheets/sheet1.xml"
    rows = "".join(f'<row r="{n}"><c r="ZZZ{n}"><v>1</v></c></row>' for n in range(3, 200)).encode()
    for found, instead, says in (
        (b'<row r="2"', b'<row r="1000000000"', "over 200,000 rows"),
        (b"</sheetData>", rows + b"</sheetData>", "over 2,000,000 cells"),
    ):
        with zipfile.ZipFile(tmp_path / "odd.xlsx", "w") as odd:
            for part, content in parts.items():
                odd.writestr(part, content.replace(found, instead) if part == sheet else content)
        with pytest.raises(InputError, match=says):
            files.read(tmp_path / "odd.xlsx")


def test_an_encoding_is_used_where_it_is_told(table):
    assert cells(table("t.csv", "a\nGr\u00fcn\n".encode("latin-1"), encoding="latin-1")) == [(2, {"a": "Grün"})]
    with pytest.raises(InputError, match="no encoding 'latin-one'"):
        table("t.csv", "a\n1\n", encoding="latin-one")


def test_a_missing_file_and_too_many_rows(table, tmp_path):
    with pytest.raises(InputError, match="no.csv' cannot be read: No such file"):
        files.read(tmp_path / "no.csv")
    with pytest.raises(InputError, match="over 100,000 rows"):
        table("t.csv", "a\n" + "x\n" * (MOST_ROWS + 1))


def test_rows_of_python_are_dicts_or_a_data_frame():
    first = {"prompt": "a sun", "size": Size(64, 64), "mask": Path("m.png"), "steps": None}
    rows = [first, {"prompt": "x", "new": 2.0}]
    assert cells(of_python(rows)) == [
        (1, {"prompt": "a sun", "size": "64x64", "mask": "m.png"}), (2, {"prompt": "x", "new": "2"}),
    ]  # fmt: skip

    frame = pandas.DataFrame({"a": [1, None], "b": ["x", None], "on": [None, pandas.Timestamp("2026-05-04")]})
    assert cells(of_python(frame)) == [(1, {"a": "1", "b": "x"}), (2, {"on": "2026-05-04"})]
    for wrong in ("a", {"a": 1}, [1], 3):
        with pytest.raises(InputError, match="list of dicts or a data frame"):
            of_python(wrong)
