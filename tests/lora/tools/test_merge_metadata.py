import json

from studio.families import sd1
from studio.lora.library import metadata
from studio.lora.library.claims import first
from studio.lora.tools.merge_metadata import MADE_FROM, MergeSource, merge_metadata

FREE, BOUND = (
    MergeSource("neon", "a" * 64, "0.8", ("cc0-1.0",)),
    MergeSource("paper", "b" * 64, "", ("cc-by-4.0", "other")),
)
SILENT = MergeSource("anna", "c" * 64, "1", ())


def test_each_ones_claims_are_kept_apart_and_silence_is_unknown():
    assert merge_metadata("both", "sd1/lora", [FREE])["modelspec.license"] == "cc0-1.0"
    told = merge_metadata("both", "sd1/lora", [FREE, BOUND, SILENT])
    assert told["modelspec.license"] == "cc0-1.0 (neon); cc-by-4.0 / other (paper); unknown (anna)"
    assert told["modelspec.merged_from"] == "neon:0.8, paper, anna:1"


def test_it_is_read_back_as_it_was_said():
    told = merge_metadata("Both of them", "sd1/lora", [FREE, BOUND], ["neon lines", "paper", "neon lines"])
    said = list(metadata.read_claims(told))
    assert (first(said, "title"), first(said, "trigger")) == ("Both of them", "neon lines, paper")
    assert first(said, "base").removesuffix("/lora") in sd1.FAMILY.detection.aliases
    assert [MergeSource(**each | {"licences": tuple(each["licences"])}) for each in json.loads(told[MADE_FROM])] == [
        FREE,
        BOUND,
    ]
    assert told == merge_metadata("Both of them", "sd1/lora", [FREE, BOUND], ["neon lines", "paper"])
    assert "modelspec.architecture" not in merge_metadata("both", "", [FREE])
