"""Which request ids are taken from a caller."""

import pytest

from vectorstore.monitoring.request_id import accept


@pytest.mark.parametrize("offered", ["a", "A-b_c.9", "x" * 128])
def test_a_sane_id_is_taken(offered: str) -> None:
    assert accept(offered) == offered


@pytest.mark.parametrize("offered", [None, "", "x" * 129, "a b", "a\nb", "ä", "a/b"])
def test_any_other_is_replaced_by_a_fresh_one(offered: str | None) -> None:
    made = accept(offered)
    assert made != offered
    assert made != accept(offered)
    assert len(made) == 32
