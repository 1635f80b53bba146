import pytest

from vectorstore.adapters.embedding.base import read_options
from vectorstore.domain.errors import InvalidRequest


def test_known_options_are_returned_and_null_ones_left_out():
    read = read_options({"model": "m", "size": None}, required={"model": str}, optional={"size": int})
    assert read == {"model": "m"}


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({}, "/embedding/options/model"),
        ({"model": ""}, "/embedding/options/model"),
        ({"model": 3}, "/embedding/options/model"),
        ({"model": "m", "size": "3"}, "/embedding/options/size"),
        ({"model": "m", "size": 0}, "/embedding/options/size"),
        ({"model": "m", "size": True}, "/embedding/options/size"),
        ({"model": "m", "api_key": "secret"}, "/embedding/options/api_key"),
    ],
)
def test_a_wrong_option_is_named_and_its_value_is_not(options, pointer):
    with pytest.raises(InvalidRequest) as raised:
        read_options(options, required={"model": str}, optional={"size": int})
    assert [error.pointer for error in raised.value.errors] == [pointer]
    assert "secret" not in raised.value.detail


def test_every_wrong_option_is_named():
    with pytest.raises(InvalidRequest) as raised:
        read_options({"size": 0, "colour": 1}, required={"model": str}, optional={"size": int})
    assert {error.pointer.rsplit("/", 1)[1] for error in raised.value.errors} == {"model", "size", "colour"}
