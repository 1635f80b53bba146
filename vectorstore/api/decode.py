"""JSON bodies into the dataclasses of the contract, by one typed decoder in C.

msgspec fills a dataclass but lets members pass that the dataclass lacks. A misspelt ``fliter`` on a
delete must not be dropped in silence, so the decoder fills a strict twin of the dataclass
(a ``msgspec.Struct``), which also describes the body in the OpenAPI document.
"""

import dataclasses
import re
from types import GenericAlias, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from django.http import HttpRequest

from vectorstore.api.problems import UnsupportedMediaType
from vectorstore.domain.errors import FieldError, InvalidRequest, MalformedRequest, PayloadTooLarge

T = TypeVar("T")

_twins: dict[type[Any], type[msgspec.Struct]] = {}
_decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {}

_PLACE = re.compile(r"^(?P<reason>.*?)(?: - at `\$?(?P<path>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.(?P<member>\w+)|\[(?P<index>\d+)\]|(?P<unnamed>\[\.\.\.\])")
_MEMBER = re.compile(r"(?P<what>unknown|required) field `(?P<name>.*)`$", re.DOTALL)


def read_body(request: HttpRequest, limit: int) -> bytes:
    """The raw body of a JSON request, at most ``limit`` bytes.

    Raises:
        PayloadTooLarge: before anything past the limit is read.
        MalformedRequest: where there is no body.
        UnsupportedMediaType: where the body says it is not JSON.
    """
    try:
        announced = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        raise MalformedRequest("Content-Length is not a number.") from None
    if announced > limit:
        raise _too_large(limit)
    # A chunked body announces no length, and Django then reads none of it: ask the server's own stream.
    chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    body: bytes = request.META["wsgi.input"].read(limit + 1) if chunked else request.read()
    if len(body) > limit:
        raise _too_large(limit)
    if not body:
        raise MalformedRequest("The request needs a JSON body.")
    if request.content_type != "application/json":
        raise UnsupportedMediaType("Send the body as application/json.")
    return body


def decode(body: bytes, kind: type[T]) -> T:
    """``body`` as an instance of the dataclass ``kind``.

    Raises:
        MalformedRequest: the bytes are not JSON; NaN and infinity are not JSON either.
        InvalidRequest: a member is unknown, missing or of the wrong type; ``errors`` holds its pointer.
    """
    try:
        made: T = _filled(_decoder(kind).decode(body))
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedRequest(f"The body is not JSON: {_reason(error)}.") from None
    except RecursionError:
        raise MalformedRequest("The body is nested too deeply.") from None
    return made


def strict_twin(kind: type[Any]) -> type[msgspec.Struct]:
    """The Struct with the members of the dataclass ``kind`` that refuses any other."""
    if kind not in _twins:
        _twins[kind] = _make_twin(kind)
    return _twins[kind]


def _make_twin(kind: type[Any]) -> type[msgspec.Struct]:
    hints = get_type_hints(kind)
    members: list[Any] = []
    for member in dataclasses.fields(kind):
        twin_type = _with_twins(hints[member.name])
        if member.default is not dataclasses.MISSING:
            members.append((member.name, twin_type, member.default))
        elif member.default_factory is list or member.default_factory is dict:
            members.append((member.name, twin_type, msgspec.field(default_factory=member.default_factory)))
        elif member.default_factory is not dataclasses.MISSING:
            # Every other factory is a dataclass of the contract, whose own members all have defaults.
            members.append((member.name, twin_type, msgspec.field(default_factory=twin_type)))
        else:
            members.append((member.name, twin_type))
    namespace = {"filled": kind, "__doc__": kind.__doc__}
    return msgspec.defstruct(
        kind.__name__, members, forbid_unknown_fields=True, kw_only=True, namespace=namespace, module=__name__
    )


def _decoder(kind: type[Any]) -> msgspec.json.Decoder[Any]:
    if kind not in _decoders:
        _decoders[kind] = msgspec.json.Decoder(strict_twin(kind))
    return _decoders[kind]


def _with_twins(hint: Any) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return strict_twin(hint)
    arguments = tuple(_with_twins(argument) for argument in get_args(hint))
    if not arguments or arguments == get_args(hint):
        return hint
    if get_origin(hint) in (Union, UnionType):
        return Union[arguments]  # noqa: UP007  built from a tuple, which ``|`` cannot be
    return GenericAlias(get_origin(hint), arguments)


def _filled(value: Any) -> Any:
    """Twins replaced by their dataclasses; they stand only in members and in lists of members."""
    if isinstance(value, msgspec.Struct):
        kind = value.filled  # type: ignore[attr-defined]
        return kind(**{name: _filled(getattr(value, name)) for name in value.__struct_fields__})
    if type(value) is list and value and isinstance(value[0], msgspec.Struct):
        return [_filled(item) for item in value]
    return value


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than the limit of {limit} bytes.")


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(error).removeprefix("JSON is malformed: ").replace("Input data was truncated", "it ends too early")


def _invalid(message: str) -> InvalidRequest:
    found = _PLACE.match(message)
    reason, path = (found["reason"], found["path"] or "") if found else (message, "")
    pointer = ""
    for step in _STEP.finditer(path):
        if step["unnamed"]:  # the decoder does not say under which key of a mapping
            break
        pointer += "/" + (step["member"] or step["index"])
    code = "type"
    if member := _MEMBER.search(reason):
        pointer += "/" + member["name"].replace("~", "~0").replace("/", "~1")
        code = "unknown_member" if member["what"] == "unknown" else "required"
        reason = "there is no such member" if code == "unknown_member" else "this member is required"
    detail = reason[:1].lower() + reason[1:].replace("`", "")
    return InvalidRequest(f"{pointer or 'The body'}: {detail}.", errors=(FieldError(pointer, code, detail),))
