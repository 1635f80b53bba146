"""Refresh tokens are kept as families now; the tables of the library's black list go, with the tokens in them.

They would also refuse that a user is deleted, whom they refer to.
"""

from django.conf import settings
from django.db import migrations

_APP = "token_blacklist"


def forget_the_app(apps, schema_editor):
    alias = schema_editor.connection.alias
    apps.get_model("contenttypes", "ContentType").objects.using(alias).filter(app_label=_APP).delete()
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = %s", [_APP])


class Migration(migrations.Migration):
    dependencies = [
        ("vectorstore", "0003_audit_guard"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("DROP TABLE IF EXISTS token_blacklist_blacklistedtoken", migrations.RunSQL.noop),
        migrations.RunSQL("DROP TABLE IF EXISTS token_blacklist_outstandingtoken", migrations.RunSQL.noop),
        migrations.RunPython(forget_the_app, migrations.RunPython.noop),
    ]
