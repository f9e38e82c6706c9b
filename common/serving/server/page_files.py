"""The page in the browser: its files, and what browsers may do with them."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from fastapi import Response

PAGE = Path(__file__).parents[1] / "page"
POLICY = "; ".join(
    (
        # Nothing from anywhere but this server, no script or style within the page, and no answers sent elsewhere.
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self' ws: wss:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
}
"""What is served, by the ending of its name."""
_HEADERS = MappingProxyType(
    {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        # A new version of the project serves new files at the same addresses.
        "Cache-Control": "no-cache",
    }
)


class PageFiles:
    """The files of a page by their addresses, `/` being `index.html`.

    They are listed once: an address that is not on the list leads nowhere, whatever dots and slashes it has.

    Example:
        >>> files = PageFiles()
        >>> files.response("/page.css").media_type
        'text/css; charset=utf-8'
        >>> files.response("/../server/rest.py") is None
        True

    Args:
        folder: with the files; those of other types than a page needs are not served.
    """

    def __init__(self, folder: Path = PAGE) -> None:
        self._files = _listed(folder)

    def response(self, path: str) -> Response | None:
        """The file at an address, or None."""
        file = self._files.get(path)
        if file is None:
            return None
        return Response(file.read_bytes(), media_type=TYPES[file.suffix], headers=dict(_HEADERS))


def _listed(folder: Path) -> Mapping[str, Path]:
    files = {
        f"/{path.relative_to(folder).as_posix()}": path
        for path in sorted(folder.rglob("*"))
        if path.suffix in TYPES and path.is_file()
    }
    return {"/": files["/index.html"], **files} if "/index.html" in files else files
