"""How the file of an import is sent, for the OpenAPI document; what is answered is the body of a job."""

from typing import Any

from vectorstore.api.openapi import Schema

Json = dict[str, Any]

DOWNLOAD_PATTERN = "[A-Za-z0-9_:-]{1,255}"
"""A signed link's part of the address."""

_FILE = {"type": "string", "contentMediaType": "application/octet-stream"}
_NAMES = {"type": "array", "items": {"type": "string"}}
FORM: Json = {
    "type": "object",
    "properties": {
        "file": {**_FILE, "description": "Parquet, NDJSON, JSON, CSV or NPY, by the ending of its name."},
        "metadata": {**_FILE, "description": "With an NPY array: the other fields, row for row."},
        "options": {"type": "string", "description": "All options as JSON, as with a URL; or each by its name:"},
        "format": {"enum": ["parquet", "ndjson", "json", "csv", "npy"]},
        "mapping": {"type": "string", "description": 'JSON: {"column": "field"}.'},
        "drop": {**_NAMES, "description": "Columns to leave out; once for each."},
        "field": {"type": "string"},
        "on_error": {"enum": ["fail", "skip"]},
        "mode": {"enum": ["insert", "upsert"]},
        "partition": {"type": "string"},
    },
    "required": ["file"],
    "additionalProperties": False,
}


class ImportSchema(Schema):
    """An operation that takes a form with a file as well as JSON."""

    def get_operation(self, *args: Any, **options: Any) -> Json | None:
        described = super().get_operation(*args, **options)
        if described is not None:
            json_schema = self._schema_of(self.view.json_body)
            described["requestBody"] = {
                "required": True,
                "content": {"multipart/form-data": {"schema": FORM}, "application/json": {"schema": json_schema}},
            }
        return described


class DownloadSchema(Schema):
    """An operation whose address holds a signed link."""

    def get_operation(self, *args: Any, **options: Any) -> Json | None:
        described = super().get_operation(*args, **options)
        for parameter in (described or {}).get("parameters", ()):
            if parameter["in"] == "path":
                parameter["schema"] = {"type": "string", "pattern": f"^{DOWNLOAD_PATTERN}$"}
        return described
