"""What of a request is recorded: names, numbers and shapes; never a vector, a row, a text or a secret.

A list of what may be recorded, by field: a field that nobody has thought of is left out.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from vectorstore.audit.shape import hidden, shape_of_object, shape_of_text
from vectorstore.domain.filters.operands import is_plain_name
from vectorstore.domain.row_filter import VARIABLE

Rule = Callable[[Any], Any]

SECRET = "***"  # noqa: S105
_LENGTH = 256
_ITEMS = 64


def parameters_of(request: Any) -> dict[str, Any]:
    """What is recorded of a request of ``domain.requests`` or of a plain mapping; what is None or empty is left out."""
    recorded: dict[str, Any] = {}
    if isinstance(request, Mapping):
        for name, value in request.items():
            rule = _RULES.get(name)
            if rule is not None and value is not None:
                recorded[name] = rule(value)
        return recorded
    for name, rule in _rules_of(type(request)):
        value = getattr(request, name)
        if value is not None and value != [] and value != {}:
            recorded[name] = rule(value)
    return recorded


def _rules_of(kind: type) -> tuple[tuple[str, Rule], ...]:
    known = _known.get(kind)
    if known is None:
        special = _SPECIAL.get(kind.__name__, {})
        names = [field.name for field in fields(kind)] if is_dataclass(kind) else []
        found = ((name, special.get(name) or _RULES.get(name)) for name in names)
        known = _known[kind] = tuple((name, rule) for name, rule in found if rule is not None)
    return known


_known: dict[type, tuple[tuple[str, Rule], ...]] = {}


def _simple(value: Any) -> Any:
    """Numbers, booleans, and names up to a length."""
    if isinstance(value, str):
        return (value.value if isinstance(value, Enum) else value)[:_LENGTH]
    if isinstance(value, (bool, int, float)):
        return value
    return value.isoformat() if isinstance(value, datetime) else type(value).__name__


def _names(value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        return _simple(value)
    shown = [_simple(item) for item in value[:_ITEMS]]
    return shown if len(value) <= _ITEMS else [*shown, f"and {len(value) - _ITEMS} more"]


def _secret(value: Any) -> str:
    return SECRET


def _number(value: Any) -> int:
    return len(value) if hasattr(value, "__len__") else 1


def _characters(value: Any) -> dict[str, int]:
    return {"characters": len(str(value))}


def _vector(value: Any) -> dict[str, int]:
    """Of base64, as of four bytes a number."""
    if isinstance(value, str):
        return {"dimension": (len(value) * 3 // 4 - value[-2:].count("=")) // 4}
    if isinstance(value, Mapping):
        return {"weights": len(value)}
    return {"dimension": _number(value)}


def _vectors(value: Any) -> dict[str, int]:
    return {"number": len(value), **(_vector(value[0]) if value else {})}


def _filter(value: Any) -> Any:
    return shape_of_text(value) if isinstance(value, str) else shape_of_object(value)


def _row_filter(value: Any) -> Any:
    """The field, the operator and the variables are the rule; other values are data."""
    if not isinstance(value, Mapping):
        return {"unparsed": hidden(repr(value))}
    return {
        "field": _simple(value.get("field", "")),
        "op": _simple(value.get("op", "")),
        "value": _each(value.get("value"), _unless_variable),
    }


def _unless_variable(value: Any) -> Any:
    return _simple(value) if isinstance(value, str) and value.startswith(VARIABLE) else hidden(value)


def _each(value: Any, rule: Rule) -> Any:
    if not isinstance(value, (list, tuple)):
        return rule(value)
    return [rule(item) for item in value[:_ITEMS]]


def _attributes(value: Any) -> Any:
    """The names of a user's attributes; which values two of them share can be seen, what they are cannot."""
    return {_simple(name): _each(item, hidden) for name, item in _items(value)}


def _settings(value: Any) -> Any:
    """Parameters by name: numbers, booleans and words such as ``COSINE``; anything else is hidden."""
    return {_simple(name): _setting(str(name), item) for name, item in _items(value)}


def _items(value: Any) -> list[tuple[Any, Any]]:
    return list(value.items())[:_ITEMS] if isinstance(value, Mapping) else []


def _setting(name: str, value: Any) -> Any:
    if any(word in name.lower() for word in _SECRET_WORDS):
        return SECRET
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str) and len(value) <= 32 and (is_plain_name(value) or value.replace(".", "", 1).isdigit()):
        return _simple(value)
    return hidden(value)


def _address(value: Any) -> str:
    """Without a user and a password that may stand in it."""
    parts = urlsplit(str(value))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"[:_LENGTH] if parts.netloc else hidden(str(value))


def _nested(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [parameters_of(item) for item in value[:_ITEMS]]
    return parameters_of(value)


def _all(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


_SECRET_WORDS = ("password", "secret", "token", "key", "credential", "pem")
_RULES: dict[str, Rule] = {
    **_all(_simple, "name new_name type metric field group_by primary auto_id dimension max_length element_type"),
    **_all(_simple, "max_capacity nullable partition_key shards replicas expected_rows dynamic_fields consistency"),
    **_all(_simple, "protected provider source partition collection database cluster alias index limit offset top_k"),
    **_all(
        _simple,
        "radius range_filter recall_target cache cache_enabled cache_ttl_s profile strategy k force server_name",
    ),
    **_all(_simple, "role user group service_account valid_from expires_at never_expires enabled reason"),
    **_all(_simple, "username is_active cidr rate_limit prefix"),
    **_all(
        _simple, "format kind mode backup point_in_time sequence restore_point latest before target_name target_cluster"
    ),
    **_all(_simple, "sample memory_budget_mb max_seconds point"),
    **_all(
        _simple,
        "schema_only with_indexes dry_run acknowledge_drift schedule timezone drill_every pinned on_error confirm",
    ),
    **_all(_names, "output_fields partitions denied_fields groups actions weights collections"),
    **_all(_secret, "password key client_key client_pem secret token refresh access"),
    **_all(_number, "ids rows"),
    **_all(_characters, "description ca_pem"),
    **_all(hidden, "id text default"),
    **_all(_settings, "params options properties retention"),
    **_all(_nested, "fields index embedding searches rerank scopes tls"),
    "vector": _vector,
    "vectors": _number,
    "filter": _filter,
    "filters": _filter,
    "row_filter": _row_filter,
    "attributes": _attributes,
    "uri": _address,
}
_SPECIAL: dict[str, dict[str, Rule]] = {"SearchRequest": {"vectors": _vectors}}
"""Where a name means something else in one request."""
