import json
import shutil

import pytest

from studio.errors import InputError, ModelError
from tests import here


def test_spark_is_here_and_described():
    card = here.card("spark")
    assert (card.name, card.family.name, card.size, card.licence) == ("spark", "sd1", (256, 256), "apache-2.0")


def test_a_folder_is_found_by_its_path(tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(here.card("spark").path, folder)
    card = here.card(str(folder))
    assert card.name == "mine"
    assert card.sha256() == here.card("spark").sha256()


def test_the_hash_changes_with_any_weight_or_setting_but_not_with_the_readme(tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(here.card("spark").path, folder)
    card = here.card(str(folder))
    before = card.sha256()
    (folder / "README.md").write_text("license: mit")
    assert card.sha256() == before
    (folder / "scheduler" / "scheduler_config.json").write_text("{}")
    assert card.sha256() != before


def test_unknown_model_suggests(tmp_path):
    with pytest.raises(InputError, match="did you mean 'spark'"):
        here.card("sprak")


@pytest.mark.parametrize("index", [None, "nonsense", "[]", json.dumps({"_class_name": "AliensPipeline"})])
def test_a_folder_that_is_no_known_model_is_explained(tmp_path, index):
    if index is not None:
        (tmp_path / "model_index.json").write_text(index)
    with pytest.raises(ModelError, match="diffusers model|not supported"):
        here.card(str(tmp_path))
