import pytest

from studio.lora.library.licences import civitai_terms

PICTURES = "selling pictures made with it"


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        (["Image", "RentCivit"], f"allows {PICTURES}, running it on Civitai; forbids "),
        ("{Image,RentCivit}", f"allows {PICTURES}, running it on Civitai; forbids "),
        ("Rent", f"allows {PICTURES}, running it as a paid service; forbids "),
        ("Image", f"allows {PICTURES}; forbids "),
        ("{Rent}", "allows running it as a paid service; forbids selling pictures"),
        ("None", "forbids selling pictures"),
        ("{None}", "forbids selling pictures"),
        ([], "forbids selling pictures"),
        ("Sell", f"allows {PICTURES}, running it as a paid service, selling it or a merge of it; forbids running"),
    ],
)
def test_commercial_use_in_each_of_its_shapes(given, allowed):
    assert civitai_terms({"allowCommercialUse": given}).startswith(allowed)


def test_the_other_flags():
    flags = {"allowNoCredit": False, "allowDerivatives": True, "allowDifferentLicense": False}
    assert civitai_terms(flags) == "credit needed; merges and changes allowed; merges under the same terms only"


@pytest.mark.parametrize("hostile", [{}, {"allowCommercialUse": 7}, {"allowNoCredit": "no"}])
def test_silence_says_nothing(hostile):
    assert civitai_terms(hostile) == ""
