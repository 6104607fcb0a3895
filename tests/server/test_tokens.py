"""The secrets that open a server."""

import pytest

from studio.errors import InputError
from studio.server import tokens


def test_tokens_come_from_a_file_or_are_made(tmp_path):
    (tmp_path / "tokens").write_text("# ours\n" + "a" * 16 + "  # Ada\n\n" + "b" * 20 + "\n")
    assert tokens.read(tmp_path / "tokens") == ("a" * 16, "b" * 20)
    assert len(tokens.read(None)[0]) > 30
    assert tokens.read(None) != tokens.read(None)


@pytest.mark.parametrize("content", [b"", b"# none\n", b"short\n", b"\xff\xfe"])
def test_tokens_that_could_be_guessed_are_refused(tmp_path, content):
    (tmp_path / "tokens").write_bytes(content)
    with pytest.raises(InputError, match="tokens"):
        tokens.read(tmp_path / "tokens")


def test_a_token_is_kept_for_the_next_start_and_for_nobody_else(tmp_path):
    first = tokens.kept(tmp_path / "state")
    assert tokens.kept(tmp_path / "state") == first
    assert (tmp_path / "state" / "token").stat().st_mode & 0o077 == 0
    (tmp_path / "state" / "token").unlink()
    assert tokens.kept(tmp_path / "state") != first
    assert tokens.kept(tmp_path / "other") != tokens.kept(tmp_path / "state")


@pytest.mark.parametrize("token", ["short", "with a blank and more", "a/slash-and-more-of-it", ""])
def test_a_token_that_could_be_guessed_or_is_no_address_is_refused(token):
    with pytest.raises(InputError, match="16"):
        tokens.checked(token, "127.0.0.1")


def test_beyond_this_machine_a_token_must_be_given():
    assert tokens.checked(None, "localhost") is None
    assert tokens.checked("a-token-of-16-letters", "192.168.1.5") == "a-token-of-16-letters"
    with pytest.raises(InputError, match="--token"):
        tokens.checked(None, "192.168.1.5")
