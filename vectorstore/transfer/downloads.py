"""Files that can be had by a signed link for some hours, by whoever holds the link."""

from dataclasses import dataclass
from pathlib import Path

import orjson
from django.core import signing

from vectorstore.access.actor import Actor
from vectorstore.audit import log as audit
from vectorstore.config.settings import current
from vectorstore.domain.errors import NotFound
from vectorstore.service.acts import entry_of
from vectorstore.service.context import Scope
from vectorstore.transfer.folders import folder, whole_file

_SALT = "vectorstore.transfer.download"
_OFFER = "download.json"


@dataclass(frozen=True, slots=True)
class Download:
    """``name`` is what the file is to be called by whoever has it."""

    path: Path
    name: str
    media: str


def offer(transfer: str, file: str, media: str, scope: Scope, collection: str, action: str) -> str:
    """The address, below the server's, at which a file of a transfer can be had; each use is recorded as ``action``
    of the scope's actor."""
    told = {
        "file": file,
        "media": media,
        "name": f"{collection}-{file}",
        "actor": [scope.actor.kind, scope.actor.id, scope.actor.name],
        "where": [scope.cluster, scope.database, collection],
        "action": action,
    }
    with whole_file(folder(transfer) / _OFFER) as out:
        out.write(orjson.dumps(told))
    token = signing.dumps(transfer, salt=_SALT)
    return f"/api/v1/downloads/{token}/"


def open_download(token: str) -> Download:
    """
    Raises:
        NotFound: the link is forged or expired, or the file is gone: the three are never told apart.
        AuditUnavailable: it cannot be recorded, so it is not given.
    """
    nothing = NotFound("There is no such download, or it has expired.")
    try:
        transfer = signing.loads(token, salt=_SALT, max_age=current().export_kept_hours * 3600)
        home = folder(transfer)
        told = orjson.loads((home / _OFFER).read_bytes())
    except (signing.BadSignature, NotFound, OSError, ValueError):
        raise nothing from None
    found = Download(home / told["file"], told["name"], told["media"])
    if not found.path.is_file():
        raise nothing
    kind, number, name = told["actor"]
    cluster, database, collection = told["where"]
    actor = Actor(kind, number, name, method="link")
    audit.append(
        entry_of(actor, told["action"], cluster=cluster, database=database, collection=collection, outcome="ok")
    )
    return found
