"""Audit records can only be added: the database refuses everything else."""

from django.db import migrations

from vectorstore.audit import guard


def install(apps, schema_editor):
    guard.install(schema_editor.connection)


def remove(apps, schema_editor):
    guard.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("vectorstore", "0002_access_and_audit")]
    operations = [migrations.RunPython(install, remove)]
