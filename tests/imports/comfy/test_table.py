"""The page that says which nodes are read is as the code has it."""

from studio.config import shipped
from tests.imports.comfy import table


def test_the_page_is_up_to_date():
    assert (shipped("assets") / "comfyui.md").read_text("utf-8") == table.table()
