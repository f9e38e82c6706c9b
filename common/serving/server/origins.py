"""Which pages may ask this server, by the origin that a browser names."""

from collections.abc import Collection
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from common.errors import FlagError

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def require_origin(flag: str, origin: str) -> None:
    """Raises FlagError if something is no origin, such as `https://host` or `http://host:8080`, and not `*`.

    >>> require_origin("--allow-origin", "https://host/page")
    Traceback (most recent call last):
    ...
    common.errors.FlagError: --allow-origin https://host/page: expected an origin such as https://host
    """
    parts = urlsplit(origin)
    is_bare = origin == f"{parts.scheme}://{parts.netloc}"
    if origin != "*" and not (is_bare and parts.scheme in ("http", "https") and parts.hostname):
        raise FlagError(f"{flag} {origin}: expected an origin such as https://host")


def allow_origins(application: FastAPI, origins: Collection[str]) -> None:
    """Lets pages of other origins read the answers (CORS)."""
    application.add_middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["GET", "POST"],
        allow_headers=["Content-Type"],
    )


def may_listen(origin: str | None, host: str | None, allowed: Collection[str], is_local: bool) -> bool:
    """Whether a page may open a WebSocket. Browsers leave that to the server: they let any page ask.

    >>> may_listen("http://localhost:8501", "localhost:8501", (), is_local=True)
    True
    >>> may_listen("https://elsewhere.example", "localhost:8501", (), is_local=True)
    False

    Args:
        origin: that the browser names; one that names none is no browser, or hides where its page is from.
        host: that was asked, with its port.
        allowed: other origins that may, or `*`.
        is_local: whether the server is reached from its machine only. Then a foreign name that leads to this machine is
            refused, under which a foreign page would seem to be this server's own.
    """
    if not origin or not host:
        return False
    if origin in allowed or "*" in allowed:
        return True
    page = urlsplit(origin)
    is_own = page.scheme in ("http", "https") and page.netloc.lower() == host.lower()
    return is_own and (not is_local or page.hostname in _THIS_MACHINE)
