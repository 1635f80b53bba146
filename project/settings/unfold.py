"""How the admin looks."""

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "vectorstore",
    "SITE_HEADER": "vectorstore",
    "SITE_SUBHEADER": "Console for Milvus",
    "SITE_SYMBOL": "hub",
}
