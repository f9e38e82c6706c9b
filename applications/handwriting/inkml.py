"""Ink as InkML, the Ink Markup Language of the W3C (Watt and Underhill 2011)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np

from applications.handwriting.ink import GivenInk, Ink, InkError, checked_ink, numbers_of, text_of
from applications.handwriting.ink_columns import TEXT, WRITER

_NAMESPACE = "http://www.w3.org/2003/InkML"
_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_VALUE = re.compile(
    rf"\s*(['\"!]?)\s*({_NUMBER}|#[0-9A-Fa-f]{{1,16}}|\*|\?|[TF](?![\w.])|[-+]?(?:NaN|inf)\w*)", re.IGNORECASE
)
_ORDERS = {"!": 0, "'": 1, '"': 2}


def read_inkml(content: bytes, name: str) -> Iterator[GivenInk | InkError]:
    """The ink of an InkML document; in the place of what cannot be used, why.

    All traces are one ink, or where groups of traces have annotations of what is written in each and the document has
    none, each such group is one. The text is an annotation of the type truth, label, text or the like, the writer one
    of the type writer. Traces of a pen that is up are passed over.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        InkError: it is no XML, or no InkML.
    """
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, LookupError, ValueError, RecursionError) as error:
        raise InkError(name, "not valid XML", f"not valid XML ({error}); expected InkML") from None
    if _tag(root) != "ink":
        raise InkError(name, "no InkML", f"the outermost element is <{_tag(root)}>; expected <ink> of InkML")
    channels = _channels(root, name)
    text, writer = _annotation(root, TEXT), _annotation(root, WRITER)
    groups = (
        [] if text else [one for one in root.iter() if _tag(one) == "traceGroup" and _annotation(one, TEXT)]
    )
    by_id = {str(key): one for one in root.iter() if (key := one.get(_XML_ID) or one.get("id"))}
    for number, element in enumerate(groups or [root], start=1):
        origin = f"{name}, group {number}" if groups else name
        try:
            ink = checked_ink(list(_strokes(element, channels, by_id, origin)), origin)
        except InkError as error:
            yield error
            continue
        except RecursionError:
            raise InkError(name, "no InkML", "groups of traces are nested too deeply") from None
        yield GivenInk(
            ink, text or _annotation(element, TEXT), _annotation(element, WRITER) or writer, origin
        )


def to_inkml(ink: Ink, text: str = "", writer: str = "") -> str:
    """The ink as an InkML document. Characters that XML has no place for are left out of the text and the writer.

    >>> print(to_inkml(checked_ink([np.array([[0, 0], [1, 2.5]])], "ink"), "a"))
    <ink xmlns="http://www.w3.org/2003/InkML">
      <annotation type="truth">a</annotation>
      <trace>0 0, 1 2.5</trace>
    </ink>
    """
    root = ElementTree.Element("ink", xmlns=_NAMESPACE)
    for kind, value in (("truth", text), ("writer", writer)):
        if value:
            ElementTree.SubElement(root, "annotation", type=kind).text = _NO_XML.sub("", value)
    for points in text_of(ink).split(";"):
        trace = points.replace(",", "_").replace(" ", ", ").replace("_", " ")
        ElementTree.SubElement(root, "trace").text = trace
    ElementTree.indent(root)
    return ElementTree.tostring(root, "unicode")


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _annotation(element: ElementTree.Element, kinds: Sequence[str]) -> str:
    """The text of the first annotation of one of the kinds that an element has itself; "" if none has one."""
    for child in element:
        if _tag(child) == "annotation" and child.get("type", "").strip().casefold() in kinds and child.text:
            return child.text.strip()
    return ""


def _channels(root: ElementTree.Element, name: str) -> list[str]:
    """The names of a point's values in their order.

    Raises:
        InkError: X or Y is not among them.
    """
    formats = [one for one in root.iter() if _tag(one) == "traceFormat"]
    channels = ["X", "Y"]
    if formats:
        channels = [one.get("name", "").upper() for one in formats[0].iter() if _tag(one) == "channel"]
    for axis in ("X", "Y"):
        if axis not in channels:
            raise InkError(
                name,
                "no X and Y",
                f"the traceFormat has the channels {', '.join(channels) or 'none'}; expected X and Y among them",
            )
    return channels


def _strokes(
    element: ElementTree.Element, channels: Sequence[str], by_id: Mapping[str, ElementTree.Element], name: str
) -> Iterator[np.ndarray]:
    for number, trace in enumerate(_traces(element, by_id, set()), start=1):
        yield _points(trace.text or "", channels, name, number)


def _traces(
    element: ElementTree.Element, by_id: Mapping[str, ElementTree.Element], above: set[ElementTree.Element]
) -> Iterator[ElementTree.Element]:
    """The traces that are drawn in an element, those among them that it refers to."""
    for child in element:
        if _tag(child) == "trace":
            if child.get("type", "").casefold() != "penup":
                yield child
        elif _tag(child) == "traceView" and (key := child.get("traceDataRef", "").removeprefix("#")) in by_id:
            shown = by_id[key]
            if _tag(shown) == "trace":
                yield shown
            elif shown not in above:
                yield from _traces(shown, by_id, above | {shown})
        elif _tag(child) in ("traceGroup", "traceView"):
            yield from _traces(child, by_id, above)


def _points(text: str, channels: Sequence[str], name: str, number: int) -> np.ndarray:
    """The x and y of a trace `[points, 2]`."""
    rows = [point for point in text.split(",") if point.strip()]
    places = [channels.index(axis) for axis in ("X", "Y")]
    plain = [row.split() for row in rows]
    if any(mark in text for mark in "'\"!*#?"):
        plain = _resolved(rows, name, number)
    for point, values in enumerate(plain, start=1):
        if len(values) <= max(places):
            # Values may stand without blanks where a sign parts them, as in 3-5.
            parted = [match[2] for match in _VALUE.finditer(rows[point - 1])]
            if len(parted) <= max(places):
                raise InkError(
                    name,
                    "not a number",
                    f"stroke {number}, point {point}: {rows[point - 1].strip()[:30]!r}; expected the values of "
                    f"{', '.join(channels)}",
                )
            plain[point - 1] = parted
    return np.column_stack(
        [numbers_of([values[place] for values in plain], name, number) for place in places]
    )


def _resolved(rows: Sequence[str], name: str, number: int) -> list[list[Any]]:
    """The values of each point where some are differences from the point before, or differences of differences."""
    orders: dict[int, int] = {}
    before: dict[int, tuple[float, float]] = {}
    resolved: list[list[Any]] = []
    for point, row in enumerate(rows, start=1):
        values: list[Any] = []
        for channel, (mark, value) in enumerate(_VALUE.findall(row)):
            orders[channel] = _ORDERS[mark] if mark else orders.get(channel, 0)
            last, speed = before.get(channel, (0.0, 0.0))
            if value in "*?" or value.upper() in ("T", "F"):
                values.append(last + (speed if value == "*" and orders[channel] else 0.0))
            elif value.startswith("#"):
                values.append(float(int(value[1:], 16)))
            else:
                difference = float(value)
                values.append((difference, last + difference, last + speed + difference)[orders[channel]])
            before[channel] = (values[-1], values[-1] - last if channel in before else 0.0)
        resolved.append(values)
        if not values:
            raise InkError(name, "not a number", f"stroke {number}, point {point}: {row.strip()[:30]!r}")
    return resolved
