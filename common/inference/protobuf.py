"""Protocol buffer messages from their own notation, only the fields that are needed.

TensorFlow's generated message classes can be had only by importing all of TensorFlow, and those of TensorFlow
Serving only with another package. A message class that declares some of the fields reads and writes the same
bytes, and keeps the fields that it does not know.
"""

import re
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "recurrent_applications"
_MESSAGE = re.compile(r"message (\w+) \{(.*?)\}", re.DOTALL)
_FIELD = re.compile(r"(repeated )?(?:map<(\w+), (\w+)>|(\w+)) (\w+) = (\d+);")
_FieldType = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bool": _FieldType.TYPE_BOOL,
    "bytes": _FieldType.TYPE_BYTES,
    "double": _FieldType.TYPE_DOUBLE,
    "float": _FieldType.TYPE_FLOAT,
    "int32": _FieldType.TYPE_INT32,
    "int64": _FieldType.TYPE_INT64,
    "string": _FieldType.TYPE_STRING,
}


def declare_messages(notation: str) -> dict[str, Any]:
    """Builds message classes, by name, from `message Name { type field = number; }` declarations (proto3).

    A field's type is a scalar (`bool`, `bytes`, `double`, `float`, `int32`, `int64`, `string`), another
    message of `notation`, or `map<key, value>` of these; `repeated` may precede the first two. An enum is
    declared as `int32`, a message that is not looked into as `bytes`. The classes live in a descriptor pool
    of their own, so they never clash with other declarations of the same message in the process.
    """
    file = descriptor_pb2.FileDescriptorProto(name="messages.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGE.findall(notation):
        message = file.message_type.add(name=name)
        for repeated, key, value, simple, field_name, number in _FIELD.findall(fields):
            label = _FieldType.LABEL_REPEATED if repeated or key else _FieldType.LABEL_OPTIONAL
            field = message.field.add(name=field_name, number=int(number), label=label)
            if key:
                entry = message.nested_type.add(name=_entry_name(field_name))
                entry.options.map_entry = True
                for part, part_type, part_number in (("key", key, 1), ("value", value, 2)):
                    _set_type(
                        entry.field.add(name=part, number=part_number, label=_FieldType.LABEL_OPTIONAL),
                        part_type,
                    )
                _set_type(field, f"{name}.{entry.name}")
            else:
                _set_type(field, simple)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        message.name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{_PACKAGE}.{message.name}")
        )
        for message in file.message_type
    }


def _entry_name(field_name: str) -> str:
    """The nested message's name that protocol buffers prescribe for a map field."""
    return "".join(word.capitalize() for word in field_name.split("_")) + "Entry"


def _set_type(field: descriptor_pb2.FieldDescriptorProto, type_name: str) -> None:
    if type_name in _SCALARS:
        field.type = _SCALARS[type_name]
    else:
        field.type = _FieldType.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{type_name}"
