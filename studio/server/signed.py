"""Addresses of pictures that can be fetched without a token, for a while.

A client that asks for an address instead of the picture hands it on: to a browser, a chat, another program, none of
which have the token. Such an address carries when it ends, and an HMAC of that and its path by a key that never leaves
this process, so that it opens this one picture until then and nothing else.
"""

import hmac
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs, quote

LIFETIME: Final = 3600  # seconds, as long as OpenAI's own
_PICTURES: Final = "/api/pictures/"


class Addresses:
    """Makes and checks them. ``key`` is secret, 32 random bytes; ``clock`` tells seconds since 1970."""

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key, self._clock = key, clock

    def of(self, picture: str) -> str:
        """The address of a picture by its id, from "/" on."""
        path, ends = f"{_PICTURES}{picture}", str(int(self._clock()) + LIFETIME)
        return f"{quote(path)}?expires={ends}&signature={self._signature(path, ends)}"

    def opens(self, method: str, path: str, query: str) -> bool:
        """Whether a request may be answered without a token; ``path`` is decoded."""
        if method not in ("GET", "HEAD") or not path.startswith(_PICTURES):
            return False
        given = parse_qs(query)
        ends, signature = (given.get(name, [""])[0] for name in ("expires", "signature"))
        fresh = ends.isascii() and ends.isdecimal() and len(ends) < 16 and int(ends) > self._clock()
        return fresh and hmac.compare_digest(signature.encode(), self._signature(path, ends).encode())

    def _signature(self, path: str, ends: str) -> str:
        return hmac.digest(self._key, f"{ends} {path}".encode(errors="surrogatepass"), "sha256").hex()
