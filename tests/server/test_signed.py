"""An address that is given out opens one picture for a while, and nothing else."""

import pytest

from studio.server.guard import Guard
from studio.server.signed import LIFETIME, SignedUrls
from tests.server.test_guard import answered, hello

NOW = 1_000_000


def addresses(key=b"k" * 32, now=NOW):
    return SignedUrls(key, clock=lambda: now)


def parted(address):
    path, _, query = address.partition("?")
    return path.replace("%20", " "), query


def test_it_opens_its_picture_until_it_ends():
    path, query = parted(addresses().of("a folder/star 1.png"))
    assert path == "/api/pictures/a folder/star 1.png"
    assert addresses().opens("GET", path, query)
    assert addresses().opens("HEAD", path, query)
    assert addresses(now=NOW + LIFETIME - 1).opens("GET", path, query)
    assert not addresses(now=NOW + LIFETIME).opens("GET", path, query)


@pytest.mark.parametrize(
    ("method", "path", "change"),
    [
        ("POST", "/api/pictures/star.png", None),
        ("GET", "/api/pictures/moon.png", None),
        ("GET", "/api/jobs", None),
        ("GET", "/api/pictures/star.png", ("expires=1", "expires=2")),
        ("GET", "/api/pictures/star.png", ("expires=", "expires=\u0661")),
        ("GET", "/api/pictures/star.png", ("signature=", "signature=0")),
        ("GET", "/api/pictures/star.png", ("&signature=", "&other=")),
    ],
)
def test_it_opens_nothing_else(method, path, change):
    _, query = parted(addresses().of("star.png"))
    assert not addresses().opens(method, path, query.replace(*change) if change else query)


def test_another_process_does_not_know_it():
    assert not addresses(key=b"o" * 32).opens("GET", *parted(addresses().of("star.png")))


def test_the_guard_lets_it_through_without_a_token_but_not_from_another_site():
    guard = Guard(hello, port=7860, tokens=("token",), signed=addresses())
    path, query = parted(addresses().of("star.png"))
    status, headers = answered(guard, path=path, query=query)
    assert (status, headers[b"cross-origin-resource-policy"]) == (200, b"cross-origin")
    assert answered(guard, path=path)[0] == 401
    assert answered(guard, path=path, query=query, host="evil.example")[0] == 403
    assert answered(guard, path=path, query=query, origin="https://evil.example")[0] == 403
