import io
from io import StringIO

import pytest
from django.core.management import call_command

from vectorstore.audit.shape import hidden


def _run(value: str) -> str:
    out = StringIO()
    call_command("audit_hash", value, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("value", ["acme", "42", "1.5", "true", "ä ö", ""])
def test_it_prints_what_the_log_has_of_a_value(value: str) -> None:
    assert hidden(value) == f"hmac:{_run(value)}".strip()
    assert len(_run(value).strip()) == 16


def test_the_value_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("acme\n"))
    assert _run("-") == _run("acme")
