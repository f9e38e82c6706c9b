"""TensorFlow Serving's REST interface.

    GET  /v1/models/NAME[/versions/N|/labels/LABEL]             the state of its versions
    GET  /v1/models/NAME[/versions/N|/labels/LABEL]/metadata    its signatures
    POST /v1/models/NAME[/versions/N|/labels/LABEL]:predict     also :classify and :regress

Errors are `{"error": "..."}`. Metrics for Prometheus stand at a path of their own, and the page in the browser at /, if
they are given.

References:
    https://www.tensorflow.org/tfx/serving/api_rest; tensorflow_serving/model_servers/http_rest_api_handler.cc.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import ExitStack, asynccontextmanager

import grpc
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from tensorflow.core.example.example_pb2 import Example

from common.serving.server import json_work
from common.serving.server.json_workers import JsonWorkers
from common.serving.server.metrics import RequestMetrics
from common.serving.server.model_reports import metadata_json, status_json, status_response
from common.serving.server.page_files import PageFiles
from common.serving.server.refusals import RequestError, past_deadline, too_large
from common.serving.server.request_batching import Tensors
from common.serving.server.request_bodies import decompressed
from common.serving.server.rest_paths import Asked, asked_by
from common.serving.server.served_models import ServedModel
from common.serving.server.serving_core import ServingCore

_CLIENT_GONE = 499
# Up to so many times the limit is read and dropped, for a client that looks for an answer only when it has sent all.
_DRAINED = 4


def rest_application(
    core: ServingCore,
    workers: JsonWorkers,
    metrics: RequestMetrics,
    metrics_path: str | None = None,
    page: PageFiles | None = None,
) -> FastAPI:
    """The application that answers over HTTP.

    Args:
        core: answers.
        workers: read and write JSON.
        metrics: takes the counts.
        metrics_path: where they can be read, if anywhere.
        page: the page in the browser, if there is one.
    """
    application = FastAPI(openapi_url=None, redirect_slashes=False)

    @application.exception_handler(HTTPException)
    async def refuse(request: Request, error: HTTPException) -> Response:
        return _not_here(request)

    @application.api_route("/{path:path}", methods=["GET", "POST"])
    async def answer(request: Request) -> Response:
        path = _path(request)
        if path == metrics_path and request.method == "GET":
            return Response(metrics.text(), media_type="text/plain")
        if not path.lower().startswith("/v1/"):
            file = page.response(path) if page and request.method == "GET" else None
            return file or _not_here(request)
        try:
            asked = asked_by(request.method, path)
            body = await _body(request, core.limits.max_request_bytes)
        except RequestError as error:
            return _error(str(error), error.http_status)
        except ClientDisconnect:
            return Response(status_code=_CLIENT_GONE)
        return await _counted(core, metrics, asked, _answer(core, workers, asked, body))

    return application


async def _counted(
    core: ServingCore, metrics: RequestMetrics, asked: Asked, answer: Awaitable[bytes]
) -> Response:
    begin, status = time.perf_counter(), grpc.StatusCode.OK
    try:
        return _json(await answer)
    except RequestError as error:
        status = error.code
        return _error(str(error), error.http_status)
    except asyncio.CancelledError:
        # The client has gone. What waits for a run leaves the queue, for its future is cancelled too.
        status = grpc.StatusCode.CANCELLED
        raise
    except Exception:
        status = grpc.StatusCode.INTERNAL
        logging.getLogger(__name__).exception("a request failed")
        return _error("internal error; the server's log has more", 500)
    finally:
        # A name that no model has could be any, and each would get lines of its own.
        if core.repository.is_known(asked.model):
            api = "" if asked.method in ("status", "metadata") else asked.method
            metrics.add(asked.model, api, "REST", status, time.perf_counter() - begin)


async def _answer(core: ServingCore, workers: JsonWorkers, asked: Asked, body: bytes) -> bytes:
    if asked.method == "status":
        # As under TensorFlow Serving a label picks no version here.
        return json_work.written(status_json(status_response(core.repository, asked.model, asked.version)))
    if asked.method == "metadata":
        with core.repository.model(asked.model, asked.version, asked.label) as model:
            return json_work.written(metadata_json(model))
    seconds = core.limits.request_seconds
    ask = _predict if asked.method == "predict" else _ask_with_examples
    try:
        async with asyncio.timeout(seconds):
            return await ask(core, workers, asked, body)
    except TimeoutError:
        raise past_deadline(seconds) from None


@asynccontextmanager
async def _model(
    core: ServingCore, asked: Asked, check: Callable[[], Awaitable[object]]
) -> AsyncIterator[ServedModel]:
    """The model that is asked. Where there is none, `check` tells before what is wrong with the request's JSON, as
    TensorFlow Serving does, which reads it first.
    """
    with ExitStack() as stack:
        try:
            model = stack.enter_context(core.repository.model(asked.model, asked.version, asked.label))
        except RequestError:
            await check()
            raise
        yield model


async def _predict(core: ServingCore, workers: JsonWorkers, asked: Asked, body: bytes) -> bytes:
    size = json_work.size_of_request(body)
    async with _model(core, asked, lambda: workers.call(size, json_work.require_object, body)) as model:
        read = await workers.call(
            size, json_work.predict_request, body, model.signatures, core.limits.max_rows
        )
        future = core.submit(model, read.signature, read.inputs)
    outputs = await _outputs(future)
    return await workers.call(json_work.size_of(outputs), json_work.predict_answer, outputs, read.in_rows)


async def _ask_with_examples(core: ServingCore, workers: JsonWorkers, asked: Asked, body: bytes) -> bytes:
    async def read() -> tuple[str, list[Example]]:
        return await workers.call(
            json_work.size_of_request(body),
            json_work.examples_request,
            body,
            asked.method,
            core.limits.max_rows,
        )

    async with _model(core, asked, read) as model:
        signature, examples = await read()
        future = core.submit_examples(model, signature, asked.method, examples)
    outputs = await _outputs(future)
    return await workers.call(
        json_work.size_of(outputs), json_work.examples_answer, outputs, asked.method, len(examples)
    )


async def _outputs(future: "Future[Tensors]") -> Tensors:
    return await asyncio.wrap_future(future)


async def _body(request: Request, limit: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        elif size > _DRAINED * limit:
            break
    if size > limit:
        raise too_large(limit)
    body = b"".join(chunks)
    encoding = request.headers.get("content-encoding", "")
    # zlib lets other threads go on, but not the event loop.
    return await asyncio.to_thread(decompressed, body, encoding, limit) if encoding else body


def _path(request: Request) -> str:
    """As it was sent: a name may hold what a path may not."""
    path: bytes = request.scope["raw_path"]
    return path.decode("latin-1")


def _not_here(request: Request) -> Response:
    path = _path(request)
    status = 400 if path.lower().startswith("/v1/") else 404
    return _error(f"Malformed request: {request.method} {path}", status)


def _error(message: str, status: int) -> Response:
    return _json(json_work.written({"error": message}), status)


def _json(content: bytes, status: int = 200) -> Response:
    return Response(content, status, media_type="application/json")
