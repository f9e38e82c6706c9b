"""TensorFlow Serving's REST interface.

    GET  /v1/models/NAME[/versions/N]             the state of its versions
    GET  /v1/models/NAME[/versions/N]/metadata    its signatures
    POST /v1/models/NAME[/versions/N]:predict     also :classify and :regress

Errors are `{"error": "..."}`.

References:
    https://www.tensorflow.org/tfx/serving/api_rest; tensorflow_serving/model_servers/http_rest_api_util.cc.
"""

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from common.serving import json_answers, json_requests
from common.serving.model_reports import metadata_json, status_json, status_response
from common.serving.refusals import RequestError, past_deadline, too_large
from common.serving.request_batching import Tensors
from common.serving.request_bodies import decompressed
from common.serving.serving_core import ServingCore, signature_of
from common.serving.signatures import DEFAULT_SIGNATURE

_MODEL = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]+))?"
_QUESTION = re.compile(rf"{_MODEL}:(?P<method>predict|classify|regress)")
_REPORT = re.compile(rf"{_MODEL}(?P<metadata>/metadata)?")
_LARGEST_VERSION = 2**63 - 1
_CLIENT_GONE = 499
# Up to so many times the limit is read and dropped, for a client that looks for an answer only when it has sent all.
_DRAINED = 4


def rest_application(core: ServingCore) -> FastAPI:
    """The application that answers over HTTP."""
    application = FastAPI(openapi_url=None)

    @application.exception_handler(HTTPException)
    async def refuse(request: Request, error: HTTPException) -> Response:
        return _error(_malformed(request), error.status_code)

    @application.api_route("/v1/{path:path}", methods=["GET", "POST"])
    async def answer(request: Request) -> Response:
        try:
            async with asyncio.timeout(core.limits.request_seconds):
                return _json(await _answer(core, request))
        except TimeoutError:
            late = past_deadline(core.limits.request_seconds)
            return _error(str(late), late.http_status)
        except RequestError as error:
            return _error(str(error), error.http_status)
        except ClientDisconnect:
            return Response(status_code=_CLIENT_GONE)
        except Exception:
            logging.getLogger(__name__).exception("a request failed")
            return _error("internal error; the server's log has more", 500)

    return application


async def _answer(core: ServingCore, request: Request) -> Mapping[str, Any]:
    path = request.scope["path"]
    question, report = _QUESTION.fullmatch(path), _REPORT.fullmatch(path)
    if question and request.method == "POST":
        limit = core.limits.max_request_bytes
        encoding = request.headers.get("content-encoding", "")
        body = decompressed(await _body(request, limit), encoding, limit)
        name, version = question["name"], _version(question["version"])
        if question["method"] == "predict":
            return await _predict(core, name, version, body)
        return await _ask_with_examples(core, name, version, question["method"], body)
    if report and request.method == "GET":
        name, version = report["name"], _version(report["version"])
        if report["metadata"]:
            with core.repository.model(name, version) as model:
                return metadata_json(model)
        return status_json(status_response(core.repository, name, version))
    raise RequestError(_malformed(request), http_status=405 if question or report else 400)


async def _predict(core: ServingCore, name: str, version: int | None, body: bytes) -> Mapping[str, Any]:
    document = json_requests.parse(body)
    asked = json_requests.signature_name(document)
    with core.repository.model(name, version) as model:
        signature_name, signature = signature_of(model, asked, _no_signature)
        inputs = json_requests.predict_inputs(document, signature, core.require_rows)
        future = core.submit(model, signature_name, inputs)
    outputs: Tensors = await asyncio.wrap_future(future)
    return json_answers.predictions(outputs) if "instances" in document else json_answers.columns(outputs)


async def _ask_with_examples(
    core: ServingCore, name: str, version: int | None, method: str, body: bytes
) -> Mapping[str, Any]:
    document = json_requests.parse(body)
    asked = json_requests.signature_name(document) or DEFAULT_SIGNATURE
    examples = json_requests.examples(document, method)
    with core.repository.model(name, version) as model:
        future = core.submit_examples(model, asked, method, examples)
    outputs: Tensors = await asyncio.wrap_future(future)
    answered = json_answers.classifications if method == "classify" else json_answers.regressions
    return answered(outputs, len(examples))


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
    return b"".join(chunks)


def _version(text: str | None) -> int | None:
    if text is None:
        return None
    if len(text) > len(str(_LARGEST_VERSION)) or int(text) > _LARGEST_VERSION:
        raise RequestError(f"Failed to convert version: {text} to numeric.")
    return int(text)


def _no_signature(name: str) -> RequestError:
    return RequestError(f'Serving signature name: "{name}" not found in signature def')


def _malformed(request: Request) -> str:
    return f"Malformed request: {request.method} {request.scope['path']}"


def _error(message: str, status: int) -> Response:
    return _json({"error": message}, status)


def _json(value: Mapping[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(value), status, media_type="application/json")
