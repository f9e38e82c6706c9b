"""The two ways to ask TensorFlow Serving: gRPC, and REST. Either tells a model's signatures and answers a request."""

import http.client
import json
import re
import time
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import numpy as np

from common.errors import UserError, one_line
from common.inference.signatures import SignatureInfo, TensorInfo, signature_info
from common.serving.json_values import array_of_json, json_of
from common.serving.tensor_protos import MESSAGES, read_tensor, write_tensor

Arrays = Mapping[str, np.ndarray]
_NO_SERVER = "no server answers there; expected TensorFlow Serving's {port}"
# Types whose names in REST are not those of NumPy.
_DTYPES = {"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16"}


class ServerError(Exception):
    """A request without an answer.

    Args:
        message: why, in one line.
        is_passing: whether the same request may well be answered a little later.
    """

    def __init__(self, message: str, *, is_passing: bool = False) -> None:
        super().__init__(message)
        self.is_passing = is_passing


class Transport(Protocol):
    """A way to ask a server.

    `version` None means the highest that is served. `seconds` is how long an answer may take. Strings are object
    arrays of bytes. Each method raises ServerError.
    """

    def signatures(self, model: str, version: int | None, seconds: float) -> dict[str, SignatureInfo]:
        """The signatures of a model by name."""

    def predict(
        self,
        model: str,
        version: int | None,
        signature: tuple[str, SignatureInfo],
        inputs: Arrays,
        seconds: float,
    ) -> dict[str, np.ndarray]:
        """The outputs for inputs of exactly the signature's types."""

    def close(self) -> None:
        """Ends the connection."""


def transport_to(address: str) -> Transport:
    """REST for `http://host:port` and `https://host:port`, gRPC for `host:port`.

    Raises:
        UserError: `address` is none of these, or gRPC's package is missing.
    """
    if address.startswith(("http://", "https://")):
        return RestTransport(address)
    if not re.fullmatch(r"(dns:///)?[^/\s]+:\d+", address):
        raise UserError(f"address {address!r}: expected HOST:PORT for gRPC, or http://HOST:PORT for REST")
    return GrpcTransport(address)


class GrpcTransport:
    """TensorFlow Serving's PredictionService, over one channel. Where a name has several addresses they take turns.

    Example:
        >>> transport = transport_to("localhost:8500")
        >>> type(transport).__name__
        'GrpcTransport'
    """

    def __init__(self, address: str) -> None:
        try:
            import grpc
        except ImportError:
            raise UserError(
                f"{address}: gRPC needs the package grpcio: pip install 'recurrent-applications[serving]', "
                "or ask over REST, as http://HOST:8501"
            ) from None
        self._grpc = grpc
        # Answers may be larger than gRPC's usual 4 MB; a server that comes back is soon seen; retries are the client's.
        options = {
            "grpc.max_send_message_length": -1,
            "grpc.max_receive_message_length": -1,
            "grpc.initial_reconnect_backoff_ms": 100,
            "grpc.min_reconnect_backoff_ms": 100,
            "grpc.max_reconnect_backoff_ms": 2000,
            "grpc.enable_retries": 0,
            "grpc.lb_policy_name": "round_robin",
        }
        self._channel = grpc.insecure_channel(address, options=list(options.items()))

    def signatures(self, model: str, version: int | None, seconds: float) -> dict[str, SignatureInfo]:
        """The signatures of a model by name."""
        request = MESSAGES["GetModelMetadataRequest"](metadata_field=["signature_def"])
        _specify(request.model_spec, model, version)
        response = self._call("GetModelMetadata", request, seconds)
        described = MESSAGES["SignatureDefMap"].FromString(response.metadata["signature_def"].value)
        return {name: signature_info(message) for name, message in described.signature_def.items()}

    def predict(
        self,
        model: str,
        version: int | None,
        signature: tuple[str, SignatureInfo],
        inputs: Arrays,
        seconds: float,
    ) -> dict[str, np.ndarray]:
        """The outputs for inputs of exactly the signature's types."""
        request = MESSAGES["PredictRequest"]()
        _specify(request.model_spec, model, version)
        request.model_spec.signature_name = signature[0]
        for name, array in inputs.items():
            write_tensor(request.inputs[name], array)
        response = self._call("Predict", request, seconds)
        try:
            return {name: read_tensor(tensor) for name, tensor in sorted(response.outputs.items())}
        except ValueError as error:
            raise ServerError(f"an answer that cannot be read: {one_line(error)}") from None

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def _call(self, method: str, request: Any, seconds: float) -> Any:
        ask = self._channel.unary_unary(
            f"/tensorflow.serving.PredictionService/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=MESSAGES[f"{method}Response"].FromString,
        )
        try:
            return ask(request, timeout=seconds)
        except self._grpc.RpcError as error:
            codes, code = self._grpc.StatusCode, error.code()
            if code == codes.DEADLINE_EXCEEDED:
                raise ServerError(f"no answer within {seconds:.3g} seconds") from None
            details = " ".join((error.details() or "no reason given").split())
            is_passing = code == codes.UNAVAILABLE
            if is_passing and "failed to connect" in details.lower():
                details = _NO_SERVER.format(port="gRPC port, 8500 by default")
            raise ServerError(f"{details} ({code.name})", is_passing=is_passing) from None


class RestTransport:
    """TensorFlow Serving's REST interface, a connection for each request.

    Example:
        >>> transport = transport_to("http://localhost:8501")
        >>> type(transport).__name__
        'RestTransport'
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if not parts.hostname or port == -1 or parts.query or parts.fragment:
            raise UserError(f"address {address!r}: expected http://HOST:PORT")
        self._connection = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._host, self._port, self._prefix = parts.hostname, port, parts.path.rstrip("/")

    def signatures(self, model: str, version: int | None, seconds: float) -> dict[str, SignatureInfo]:
        """The signatures of a model by name."""
        document = self._ask("GET", f"{self._path(model, version)}/metadata", None, seconds)
        try:
            described = document["metadata"]["signature_def"]["signature_def"]
            return {
                name: SignatureInfo(
                    _infos(signature.get("inputs", {})),
                    _infos(signature.get("outputs", {})),
                    signature.get("method_name", ""),
                )
                for name, signature in described.items()
            }
        except (KeyError, TypeError, AttributeError, ValueError):
            raise ServerError(
                "expected TensorFlow Serving's description of a model, got other JSON"
            ) from None

    def predict(
        self,
        model: str,
        version: int | None,
        signature: tuple[str, SignatureInfo],
        inputs: Arrays,
        seconds: float,
    ) -> dict[str, np.ndarray]:
        """The outputs for inputs of exactly the signature's types."""
        name, described = signature
        columns = {key: json_of(key, array) for key, array in inputs.items()}
        body = json.dumps({"signature_name": name, "inputs": columns}).encode()
        document = self._ask("POST", f"{self._path(model, version)}:predict", body, seconds)
        try:
            outputs = document["outputs"]
            # A lone output stands there without its name.
            named = outputs if len(described.outputs) > 1 else dict.fromkeys(described.outputs, outputs)
            return {key: array_of_json(named[key], info) for key, info in described.outputs.items()}
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ServerError(
                f"an answer that does not fit the signature: {type(error).__name__} {one_line(error)}"
            ) from None

    def close(self) -> None:
        """Nothing is left open."""

    def _path(self, model: str, version: int | None) -> str:
        which = "" if version is None else f"/versions/{version}"
        return f"{self._prefix}/v1/models/{quote(model, safe='')}{which}"

    def _ask(self, method: str, path: str, body: bytes | None, seconds: float) -> Any:
        try:
            status, content = self._exchange(method, path, body, time.monotonic() + seconds)
        except ConnectionRefusedError:
            expected = _NO_SERVER.format(port="REST port, 8501 by default")
            raise ServerError(f"{expected} (connection refused)", is_passing=True) from None
        except TimeoutError:
            raise ServerError(f"no answer within {seconds:.3g} seconds") from None
        except (OSError, http.client.HTTPException) as error:
            raise ServerError(f"{one_line(error) or type(error).__name__}") from None
        try:
            document = json.loads(content)
        except ValueError:
            document = None
        if status == 200 and isinstance(document, dict):
            return document
        reason = document.get("error") if isinstance(document, dict) else None
        message = (
            " ".join(str(reason).split())
            if reason
            else f"expected TensorFlow Serving's JSON, got {content[:60]!r}"
        )
        raise ServerError(f"{message} (HTTP {status})", is_passing=status == 503)

    def _exchange(self, method: str, path: str, body: bytes | None, deadline: float) -> tuple[int, bytes]:
        connection = self._connection(self._host, self._port, timeout=_left(deadline))
        try:
            connection.connect()
            socket = connection.sock
            socket.settimeout(_left(deadline))
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            socket.settimeout(_left(deadline))
            response = connection.getresponse()
            chunks = []
            while chunk := response.read1(2**16):
                chunks.append(chunk)
                socket.settimeout(_left(deadline))
            return response.status, b"".join(chunks)
        finally:
            connection.close()


def _specify(spec: Any, model: str, version: int | None) -> None:
    spec.name = model
    if version is not None:
        spec.version.SetInParent()
        spec.version.value = version


def _infos(tensors: Mapping[str, Any]) -> dict[str, TensorInfo]:
    return {name: _info(tensors[name]) for name in sorted(tensors)}


def _info(tensor: Mapping[str, Any]) -> TensorInfo:
    dtype = _DTYPES.get(tensor["dtype"]) or tensor["dtype"].removeprefix("DT_").lower()
    shape = tensor.get("tensor_shape", {})
    if shape.get("unknown_rank"):
        return TensorInfo(dtype, None)
    sizes = (int(dimension["size"]) for dimension in shape.get("dim", []))
    return TensorInfo(dtype, tuple(None if size < 0 else size for size in sizes))


def _left(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds
