"""What the calls of all gRPC services share."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import grpc

from common.serving.server.refusals import RequestError

Answer = TypeVar("Answer")


def answered(context: grpc.ServicerContext, answer: Callable[[], Answer]) -> Answer:
    """What `answer` gives; what it raises ends the call with its status."""
    try:
        return answer()
    except RequestError as error:
        context.abort(error.code, str(error))
    except Exception:
        logging.getLogger(__name__).exception("a request failed")
        context.abort(grpc.StatusCode.INTERNAL, "internal error; the server's log has more")
    raise AssertionError("abort ends the call")


def asked_model(request: Any) -> tuple[str, int | None, str | None]:
    """The name, and the version or the label, that a request asks for.

    Raises:
        RequestError: it asks for no model.
    """
    if not request.HasField("model_spec"):
        raise RequestError("Missing ModelSpec")
    asked = request.model_spec
    version = asked.version.value if asked.HasField("version") else None
    return asked.name, version, asked.version_label if asked.HasField("version_label") else None
