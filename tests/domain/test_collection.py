from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.models import METRICS_BY_TYPE, Consistency, DataType, Metric

KEY = Field("id", DataType.INT64, primary=True)
DENSE = Field("vector", DataType.FLOAT_VECTOR, dimension=4)
SPARSE = Field("terms", DataType.SPARSE_FLOAT_VECTOR)
TEXT = Field("text", DataType.VARCHAR, max_length=10)
SCHEMA = Collection(name="c", fields=(TEXT, DENSE, KEY, SPARSE))


def test_fields_are_found_by_name_and_by_kind() -> None:
    assert SCHEMA.primary is KEY
    assert SCHEMA.vector_fields == (DENSE, SPARSE)
    assert SCHEMA.scalar_fields == (TEXT, KEY)
    assert SCHEMA.field("text") is TEXT
    assert SCHEMA.field("Text") is None
    assert SCHEMA.field("") is None


def test_a_collection_takes_dynamic_fields_and_bounded_staleness_unless_told_otherwise() -> None:
    assert SCHEMA.dynamic_fields
    assert not SCHEMA.auto_id
    assert not SCHEMA.engine_ids
    assert SCHEMA.shards == 1
    assert SCHEMA.consistency is Consistency.BOUNDED
    assert SCHEMA.properties is not Collection(name="d", fields=()).properties


def test_types_know_what_they_are() -> None:
    vectors = {kind for kind in DataType if kind.is_vector}
    assert vectors == METRICS_BY_TYPE.keys()
    assert {kind for kind in DataType if kind.is_integer} == {
        DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64,
    }  # fmt: skip
    assert {kind for kind in DataType if kind.is_float} == {DataType.FLOAT, DataType.DOUBLE}


def test_only_products_and_cosines_grow_with_nearness() -> None:
    assert {metric for metric in Metric if metric.larger_is_nearer} == {Metric.IP, Metric.COSINE}
