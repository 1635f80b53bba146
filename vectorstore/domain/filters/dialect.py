"""What the connected engine's language has. The rest of the language every supported engine shares."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """Everything, as a current Milvus has it, unless told otherwise.

    ``json_path_in``: ``meta["k"] in [...]``. ``infix_like``: patterns other than a prefix. ``is_null``: null
    tests. ``text_match``: full-text conditions. ``modulo``: the remainder operator.
    """

    json_path_in: bool = True
    infix_like: bool = True
    is_null: bool = True
    text_match: bool = True
    modulo: bool = True
