"""What a server answers to a request that it cannot serve: a status and one line, the same over REST and gRPC."""

import re

import grpc

from common.errors import one_line
from common.inference.tensorflow_c import SavedModelError

# tensorflow_serving/model_servers/http_server.cc, ToHTTPStatusCode; what is not here is a 500.
_HTTP_STATUSES = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_PLACE_IN_GRAPH = re.compile(r"\s*\[\[\{\{.*", re.DOTALL)
_ASSERTION = re.compile(r"assertion failed: \[(.*)\]", re.DOTALL)


class RequestError(Exception):
    """A request that is not answered.

    Args:
        message: one line.
        code: why, in gRPC's terms.
        http_status: the same in HTTP's, where TensorFlow Serving's translation of `code` does not say it.
    """

    def __init__(
        self,
        message: str,
        code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT,
        http_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.http_status = http_status or _HTTP_STATUSES.get(code, 500)

    def __reduce__(self) -> tuple[type, tuple[str, grpc.StatusCode, int]]:
        """Lets it be raised in one process and caught in another."""
        return type(self), (str(self), self.code, self.http_status)


def refusal_by_model(error: SavedModelError) -> RequestError:
    """What the model itself refused, without the place in its graph, which says nothing to those who ask."""
    message = _PLACE_IN_GRAPH.sub("", str(error))
    asserted = _ASSERTION.fullmatch(message.strip())
    text = asserted[1] if asserted else message
    return RequestError(" ".join(text.split()), _CODES.get(error.code, grpc.StatusCode.UNKNOWN))


def refusal_of_value(error: ValueError) -> RequestError:
    """What was wrong with an input, found before the model was asked."""
    return RequestError(one_line(error))


def too_large(limit: int) -> RequestError:
    return RequestError(
        f"expected at most {limit} bytes in a request, got more",
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        http_status=413,
    )


def past_deadline(seconds: float) -> RequestError:
    return RequestError(
        f"the request took longer than {seconds:g} seconds", grpc.StatusCode.DEADLINE_EXCEEDED
    )


def require_rows(most: int, rows: int) -> None:
    """Raises RequestError if a request may not have so many rows."""
    if rows > most:
        raise RequestError(f"expected at most {most} rows in a request, got {rows}")
