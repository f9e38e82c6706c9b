"""Bodies of requests that come compressed."""

import zlib

from common.serving.server.refusals import RequestError, too_large

_GZIP = zlib.MAX_WBITS | 16


def decompressed(body: bytes, encoding: str, limit: int) -> bytes:
    """The body that a client compressed; one that it did not, or not with gzip, as it came.

    Args:
        body: as it was sent.
        encoding: the header Content-Encoding, or "".
        limit: bytes that it may have when it is decompressed.

    Raises:
        RequestError: it is no gzip, is cut off, damaged or followed by something, or would be larger than the limit,
            beyond which nothing is decompressed.
    """
    if "gzip" not in encoding or not body:
        return body
    stream = zlib.decompressobj(_GZIP)
    try:
        content = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise RequestError(f"expected a body compressed with gzip: {error}") from None
    if len(content) > limit:
        raise too_large(limit)
    if not stream.eof or stream.unused_data:
        fault = "bytes after its end" if stream.eof else "one that is cut off"
        raise RequestError(f"expected a body compressed with gzip, got {fault}")
    return content
