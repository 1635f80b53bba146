from io import StringIO

from django.core.management import call_command


def test_it_prints_the_sql_for_a_role() -> None:
    out = StringIO()
    call_command("audit_guard", "--role", 'gate"way', stdout=out)
    assert 'REVOKE UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON vectorstore_auditrecord FROM "gate""way";' in (
        out.getvalue()
    )
    assert 'GRANT SELECT, INSERT ON vectorstore_auditrecord TO "gate""way";' in out.getvalue()
