"""What the connected engine's language has. The rest of the language every supported engine shares."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """Everything, as a current Milvus has it, unless told otherwise.

    ``json_path_in``: ``meta["k"] in [...]``, and the same of dynamic keys. ``infix_like``: patterns other than a
    prefix. ``is_null``: null tests. ``text_match``: full-text conditions. ``modulo``: the remainder operator.

    ``null_is_unknown``: neither a condition nor its opposite finds a row whose field is null; without it ``not in``,
    ``array_length`` and what is not contained do, and we add that the field is not null.
    ``missing_is_false``: a comparison with a JSON key that a row lacks is false, so ``!=`` and ``not`` find
    the row; without it the answer is unknown, and we spell the difference out. ``computed_order``: arithmetic
    and ``array_length`` under ``<``, not only under ``==`` and ``!=``. ``free_arithmetic``: more than one
    operation, between fields or with the constant first. ``array_length_path``: ``array_length(meta["k"])``.
    ``meta_contains``: ``json_contains($meta["k"], 1)``.
    """

    json_path_in: bool = True
    infix_like: bool = True
    is_null: bool = True
    text_match: bool = True
    modulo: bool = True
    null_is_unknown: bool = True
    missing_is_false: bool = True
    computed_order: bool = True
    free_arithmetic: bool = True
    array_length_path: bool = True
    meta_contains: bool = True
