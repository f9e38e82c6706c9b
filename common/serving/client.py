"""One client for TensorFlow Serving's gRPC and REST, which imports no TensorFlow.

python -m common.serving.client localhost:8500 translation "A dog runs."
"""

import base64
import itertools
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, TypeVar

import numpy as np
import tyro

from common import cli
from common.errors import ROW_ERROR, FlagError, UserError
from common.inference.refused_rows import RefusedRowsError, require_answered
from common.inference.runner import INTERNAL_SIGNATURES
from common.inference.signatures import DEFAULT_SIGNATURE, SignatureInfo, TensorInfo, checked_input
from common.predicting.texts import argument_texts
from common.serving.json_values import bytes_of
from common.serving.transports import ServerError, transport_to

_FIRST_DELAY, _LONGEST_DELAY = 0.1, 5.0
Result = TypeVar("Result")


class Client:
    """Asks the models of a server, over gRPC or REST; safe to use from several threads.

    A request that finds the server unavailable (gRPC UNAVAILABLE, HTTP 503, connection refused) is sent again, after a
    delay that doubles each time and is drawn at random from its upper half, until the attempts or the time are used up.
    Nothing else is sent twice.

    Args:
        address: `host:port` for gRPC, `http://host:port` or `https://host:port` for REST.
        timeout: seconds that a request may take, all of its attempts together.
        attempts: times that a request is sent at most.

    Raises:
        UserError: the address is none of these, or the package for gRPC is not installed.

    Example:
        >>> import shutil, tempfile
        >>> from common.model_folders import model_folder
        >>> from common.serving.server.local_server import ServerOptions, running_server
        >>> models = Path(tempfile.mkdtemp())
        >>> _ = shutil.copytree(model_folder("sentiment_analysis"), models / "sentiment_analysis")
        >>> with running_server(ServerOptions(models, rest_port=0, grpc_port=0)) as server:
        ...     with Client(f"localhost:{server.grpc_port}") as ask:
        ...         answer = ask("sentiment_analysis", ["A delight from start to finish."])
        >>> answer["label"].tolist()
        ['positive']
    """

    def __init__(self, address: str, *, timeout: float = 30.0, attempts: int = 6) -> None:
        if not timeout > 0 or attempts < 1:
            raise ValueError(
                f"expected a timeout above 0 and at least 1 attempt, got {timeout} and {attempts}"
            )
        self.address, self.timeout, self.attempts = address, timeout, attempts
        self._transport = transport_to(address)
        self._known: dict[tuple[str, int | None], Mapping[str, SignatureInfo]] = {}

    def __call__(
        self,
        model: str,
        inputs: Any,
        *,
        signature: str = DEFAULT_SIGNATURE,
        version: int | None = None,
        timeout: float | None = None,
    ) -> dict[str, np.ndarray]:
        """What a model answers.

        Args:
            model: its name.
            inputs: a mapping of the inputs' values by name, or, where there is one input, its value. A value has a
                row for each question: an array, or a (nested) sequence of `str`, `bytes` or numbers.
            signature: name of the served function.
            version: the model's; the highest that is served, if None.
            timeout: seconds that this request may take, if not the client's.

        Returns:
            The outputs by name, but for `error`. Strings are `str` where all of an output's are valid UTF-8 and its
            name does not end in `_bytes`, and else `bytes`, in arrays of objects. No rows at all are answered without
            asking the server: TensorFlow Serving never answers them where it gathers batches.

        Raises:
            UserError: the inputs do not fit the signature, or the server refused them, is not there or is too slow.
            RefusedRowsError: a `UserError`: the model refused some of the rows; it holds the answer of the others.
        """
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        described = self._described(model, version, signature, deadline)
        arrays = self._arrays(model, described, signature, inputs)
        if all(array.ndim and not len(array) for array in arrays.values()):
            return require_answered({name: _no_rows(info) for name, info in described.outputs.items()})
        outputs = self._retried(
            model,
            deadline,
            lambda left: self._transport.predict(model, version, (signature, described), arrays, left),
            # The server may have a new version with other signatures by now.
            refused=lambda: self._known.pop((model, version), None),
        )
        return require_answered(
            {name: _readable(name, array) for name, array in outputs.items()},
            where=f"{self.address}: model {model!r}: ",
        )

    def signatures(
        self, model: str, *, version: int | None = None, timeout: float | None = None
    ) -> Mapping[str, SignatureInfo]:
        """The signatures of a model by name; asked of the server once, and again after it refused a request."""
        return self._signatures(
            model, version, time.monotonic() + (self.timeout if timeout is None else timeout)
        )

    def close(self) -> None:
        """Ends the connection. Closing twice does nothing."""
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _signatures(self, model: str, version: int | None, deadline: float) -> Mapping[str, SignatureInfo]:
        known = self._known.get((model, version))
        if known is None:
            described = self._retried(
                model, deadline, lambda left: self._transport.signatures(model, version, left)
            )
            known = {name: described[name] for name in described if name not in INTERNAL_SIGNATURES}
            self._known[model, version] = known
        return known

    def _described(self, model: str, version: int | None, signature: str, deadline: float) -> SignatureInfo:
        known = self._signatures(model, version, deadline)
        if signature not in known:
            self._known.pop((model, version), None)
            raise UserError(
                f"{self.address}: model {model!r}: no signature {signature!r}; there are {', '.join(sorted(known))}"
            )
        return known[signature]

    def _arrays(
        self, model: str, described: SignatureInfo, signature: str, inputs: Any
    ) -> dict[str, np.ndarray]:
        where, expected = f"model {model!r}", described.inputs
        if not isinstance(inputs, Mapping):
            if len(expected) != 1:
                raise UserError(
                    f"{where}: signature {signature!r} takes {len(expected)} inputs; expected a mapping with "
                    f"{', '.join(expected)}"
                )
            inputs = dict.fromkeys(expected, inputs)
        if inputs.keys() != expected.keys():
            raise UserError(
                f"{where}: signature {signature!r} takes the inputs {', '.join(expected)}; "
                f"got {', '.join(map(str, inputs)) or 'none'}"
            )
        try:
            return {
                name: checked_input(f"{where}: input {name!r}", value, expected[name])
                for name, value in inputs.items()
            }
        except ValueError as error:
            raise UserError(str(error)) from None

    def _retried(
        self,
        model: str,
        deadline: float,
        ask: Callable[[float], Result],
        refused: Callable[[], object] = lambda: None,
    ) -> Result:
        """What `ask` gives, called with the seconds that are left."""
        for attempt in itertools.count(1):
            try:
                return ask(max(deadline - time.monotonic(), 0.001))
            except ServerError as error:
                delay = random.uniform(0.5, 1.0) * min(_FIRST_DELAY * 2 ** (attempt - 1), _LONGEST_DELAY)
                is_last = attempt >= self.attempts or time.monotonic() + delay >= deadline
                if error.is_passing and not is_last:
                    time.sleep(delay)
                    continue
                refused()
                times = f", tried {attempt} times" if attempt > 1 else ""
                raise UserError(f"{self.address}: model {model!r}: {error}{times}") from None
        raise AssertionError("unreachable")


def _no_rows(info: TensorInfo) -> np.ndarray:
    """An output of which there are no rows."""
    dtype = object if info.dtype == "string" else np.dtype(info.dtype)
    return np.zeros((0, *(size or 0 for size in (info.shape or (None,))[1:])), dtype)


def _readable(name: str, array: np.ndarray) -> np.ndarray:
    """Strings as `str`, if all of them can be and are meant to be."""
    if array.dtype != object or name.endswith("_bytes"):
        return array
    decoded = np.empty(array.size, dtype=object)
    try:
        decoded[:] = [value.decode("utf-8") for value in array.flat]
    except UnicodeDecodeError:
        return array
    return decoded.reshape(array.shape)


@dataclass(frozen=True)
class Options:
    """What is asked of which model, and where it is served."""

    address: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="ADDRESS")]
    """HOST:PORT for gRPC, http://HOST:PORT for REST."""
    model: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="MODEL")]
    """The model's name."""
    values: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="VALUE ...")]
    """What is asked, unless by --request, a row each: VALUE, or where the signature has several inputs INPUT=VALUE; one
    that is given once goes for all rows. A text stands as it is, @FILE for the bytes of a file (@@ for a text that
    begins with @), and anything else as JSON: 0.8, true, [0.5, 1]. Put -- before one that begins with a dash."""
    request: Path | None = None
    """JSON file of a request as TensorFlow Serving's REST takes it, {"instances": [{INPUT: value, ...}, ...]}, in place
    of VALUE; missing numbers are NaN."""
    signature: str = DEFAULT_SIGNATURE
    """The served function."""
    version: int | None = None
    """The model's version; by default the highest that is served."""
    timeout: float = 30.0
    """Seconds that a request may take."""


def main(options: Options) -> None:
    """Asks a model on a server, and prints a line of JSON for each row. One that the model refuses has its `error`
    there and a line on standard error, and the exit status is 1."""
    if not options.timeout > 0:
        raise FlagError(f"--timeout {options.timeout:g}: expected more than 0 seconds")
    texts = argument_texts(options.values)
    if bool(texts) == (options.request is not None):
        raise UserError("expected at least one VALUE or INPUT=VALUE, or --request, and not both")
    with Client(options.address, timeout=options.timeout) as client:
        known = client.signatures(options.model, version=options.version)
        described = known.get(options.signature)
        inputs: dict[str, list[Any]] = {}
        if options.request is not None:
            inputs = request_rows(options.request)
        elif described:
            inputs = rows_of(texts, described)
        answer: Mapping[str, np.ndarray]
        reasons: Mapping[int, str] = {}
        try:
            answer = client(options.model, inputs, signature=options.signature, version=options.version)
        except RefusedRowsError as refused:
            answer, reasons = refused.outputs, refused.reasons
    for number, row in enumerate(json_rows(answer)):
        shown = {ROW_ERROR: reasons[number]} if number in reasons else row
        print(json.dumps(shown, ensure_ascii=False))
    for number, reason in reasons.items():
        print(f"error: {options.address}: model {options.model!r}: row {number}: {reason}", file=sys.stderr)
    if reasons:
        sys.exit(cli.FAILED)


def rows_of(arguments: Sequence[str], signature: SignatureInfo) -> dict[str, list[Any]]:
    """The inputs that a command line asks with.

    Raises:
        UserError: an argument belongs to no input, cannot be read as its type, or the inputs differ in rows.
    """
    inputs: dict[str, list[Any]] = {name: [] for name in signature.inputs}
    for number, argument in enumerate(arguments, start=1):
        name, equals, value = argument.partition("=")
        if not equals or name not in inputs:
            if len(inputs) != 1:
                raise UserError(
                    f"argument {number}: expected INPUT=VALUE with an input of {', '.join(inputs)}; "
                    f"got {argument!r:.80}"
                )
            name, value = next(iter(inputs)), argument
        inputs[name].append(_value(value, signature.inputs[name].dtype, f"argument {number}"))
    given = {name: values for name, values in inputs.items() if values}
    rows = max(map(len, given.values()))
    for name, values in given.items():
        if len(values) not in (1, rows):
            raise UserError(
                f"input {name!r}: expected 1 or {rows} values, as another input has; got {len(values)}"
            )
    return {name: values * rows if len(values) == 1 else values for name, values in given.items()}


def request_rows(path: Path) -> dict[str, list[Any]]:
    """The inputs of a request that is kept as JSON.

    Raises:
        UserError: the file cannot be read, or is no such request.
    """
    try:
        instances = json.loads(path.read_bytes())["instances"]
        names = list(instances[0])
        return {name: [_plain(row[name]) for row in instances] for name in names}
    except (ValueError, KeyError, TypeError, IndexError):
        raise UserError(
            f'{path}: expected {{"instances": [{{INPUT: value, ...}}, ...]}}, the same inputs in each row'
        ) from None


def _plain(value: Any) -> Any:
    return bytes_of(value) if isinstance(value, dict) else value


def _value(text: str, dtype: str, where: str) -> Any:
    if text.startswith("@") and not text.startswith("@@"):
        if dtype != "string":
            raise UserError(f"{where}: expected JSON for an input of {dtype}; a file's bytes are a string")
        return Path(text[1:]).read_bytes()
    if dtype == "string":
        return text.removeprefix("@") if text.startswith("@@") else text
    try:
        return json.loads(text)
    except ValueError:
        raise UserError(f"{where}: expected {dtype} as JSON, got {text!r:.80}") from None


def json_rows(outputs: Mapping[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    """Each row of an answer as JSON values; bytes as `{"b64": ...}`."""
    for index in range(max((len(array) for array in outputs.values()), default=0)):
        yield {name: _json(array[index]) for name, array in outputs.items()}


def _json(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, np.ndarray):
        return [_json(element) for element in value]
    if isinstance(value, np.floating):
        return float(str(value))  # as many digits as its type holds
    return value.item() if isinstance(value, np.generic) else value


if __name__ == "__main__":
    cli.run(main, Options)
