"""URLs of pictures that can be fetched without a token for a while.

A client that requests a URL instead of a picture passes it on to a browser, a chat or another program, which do not
have the token. Such a URL contains its expiry time, and an HMAC of that and its path with a key that never leaves this
process. So it opens only this picture, and only until then.
"""

import hmac
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs, quote

LIFETIME: Final = 3600  # seconds, as long as OpenAI's own
_PICTURES: Final = "/api/pictures/"


class SignedUrls:
    """Creates and checks signed URLs. ``key`` is 32 secret random bytes; ``clock`` returns seconds since 1970."""

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key, self._clock = key, clock

    def of(self, picture: str) -> str:
        """The URL of a picture by its id, from "/" on."""
        path, expires = f"{_PICTURES}{picture}", str(int(self._clock()) + LIFETIME)
        return f"{quote(path)}?expires={expires}&signature={self._signature(path, expires)}"

    def opens(self, method: str, path: str, query: str) -> bool:
        """Whether a request is allowed without a token; ``path`` is decoded."""
        if method not in ("GET", "HEAD") or not path.startswith(_PICTURES):
            return False
        given = parse_qs(query)
        expires, signature = (given.get(name, [""])[0] for name in ("expires", "signature"))
        fresh = expires.isascii() and expires.isdecimal() and len(expires) < 16 and int(expires) > self._clock()
        return fresh and hmac.compare_digest(signature.encode(), self._signature(path, expires).encode())

    def _signature(self, path: str, expires: str) -> str:
        return hmac.digest(self._key, f"{expires} {path}".encode(errors="surrogatepass"), "sha256").hex()
