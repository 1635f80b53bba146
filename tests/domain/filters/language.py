"""What the tests of the filter language share: a schema, and the dialects of the two engines at hand."""

import os

from hypothesis import strategies as st

from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.filters import Dialect
from vectorstore.domain.models import DataType

EXAMPLES = int(os.environ.get("VECTORSTORE_PROPERTY_EXAMPLES", "200"))
MIN, MAX = -(2**63), 2**63 - 1

FIELDS = (
    Field("id", DataType.INT64, primary=True),
    Field("v", DataType.FLOAT_VECTOR, dimension=4),
    Field("flag", DataType.BOOL),
    Field("tiny", DataType.INT8),
    Field("big", DataType.INT64),
    Field("single", DataType.FLOAT),
    Field("double", DataType.DOUBLE),
    Field("text", DataType.VARCHAR, max_length=200),
    Field("maybe", DataType.VARCHAR, max_length=200, nullable=True),
    Field("meta", DataType.JSON),
    Field("numbers", DataType.ARRAY, element_type=DataType.INT64, max_capacity=10),
    Field("words", DataType.ARRAY, element_type=DataType.VARCHAR, max_length=20, max_capacity=10),
)
SCHEMA = Collection(name="c", fields=FIELDS)
RIGID = Collection(name="c", fields=FIELDS, dynamic_fields=False)

LITE = Dialect(
    json_path_in=False,
    modulo=False,
    null_is_unknown=False,
    missing_is_false=False,
    array_length_path=False,
    meta_contains=False,
)
MILVUS_2_3 = Dialect(infix_like=False, is_null=False, text_match=False, computed_order=False, free_arithmetic=False)

strings = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
