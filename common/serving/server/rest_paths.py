"""The addresses of TensorFlow Serving's REST interface.

References:
    tensorflow_serving/model_servers/http_rest_api_util.cc.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from common.serving.server.refusals import RequestError

_VERSION = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_QUESTION = re.compile(
    rf"/v1/models/(?P<name>[^/:]+){_VERSION}:(?P<method>classify|regress|predict)", re.IGNORECASE
)
_REPORT = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_VERSION}(?P<metadata>/metadata)?", re.IGNORECASE)
_METHODS = ("predict", "classify", "regress")
_LARGEST_VERSION = 2**63 - 1


@dataclass(frozen=True)
class Asked:
    """What an address asks for.

    Attributes:
        model: name.
        version: number, if it names one.
        label: of a version, if it names one.
        method: `predict`, `classify`, `regress`, or for reports `status` and `metadata`.
    """

    model: str
    version: int | None
    label: str | None
    method: str


def asked_by(http_method: str, path: str) -> Asked:
    """What a request asks for.

    Args:
        http_method: such as GET.
        path: as it was sent, without the query.

    Raises:
        RequestError: nothing that there is.
    """
    pattern = {"POST": _QUESTION, "GET": _REPORT}.get(http_method)
    match = pattern.fullmatch(path) if pattern else None
    if match is None:
        raise RequestError(f"Malformed request: {http_method} {path}")
    named = match.groupdict()
    version, label = _number(named["version"]), named["label"]
    if not named["name"]:
        raise RequestError("Missing model name in request.")
    method = named.get("method") or ("metadata" if named["metadata"] == "/metadata" else "status")
    if pattern is _QUESTION and method not in _METHODS:
        raise RequestError(f"Malformed request: {http_method} {path}")
    return Asked(unquote(named["name"]), version, None if label is None else unquote(label), method)


def _number(digits: str | None) -> int | None:
    if digits is None:
        return None
    number = digits.lstrip("0") or "0"
    # Python reads no numbers of thousands of digits.
    if len(number) > len(str(_LARGEST_VERSION)) or int(number) > _LARGEST_VERSION:
        raise RequestError(f"Failed to convert version: {digits} to numeric.")
    return int(number)
