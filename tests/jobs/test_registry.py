import pytest

from tests.support import job_kinds
from vectorstore.domain.errors import Conflict
from vectorstore.jobs.registry import find, work


def test_a_kind_is_found_by_its_name() -> None:
    assert find("test.who") is job_kinds.who


def test_a_kind_that_this_version_has_not_is_named() -> None:
    with pytest.raises(Conflict, match=r"no jobs of the kind 'test\.none'"):
        find("test.none")


def test_a_kind_has_one_implementation() -> None:
    assert work("test.who")(job_kinds.who) is job_kinds.who
    with pytest.raises(ValueError, match="two implementations"):
        work("test.who")(job_kinds.broken)
