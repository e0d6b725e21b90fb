"""The documents of a control request, held against the files that came by another way: same digest, same document."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from gateway.errors import NotFound
from schemas.canonical import JsonObject


def held_against(requests: JsonObject, request: str, files: Sequence[Path]) -> list[JsonObject]:
    """A verdict for each document, `same` or `missing`, and `another` for each file that is none of them.

    `requests` is what the agent says of all requests. Raises NotFound (`no-such-request`, `file-missing`).
    """
    documents = _documents(requests, request)
    try:
        digests = {hashlib.sha256(file.read_bytes()).hexdigest(): file.name for file in files}
    except OSError:
        raise NotFound("file-missing", "A file that is named is not there, or cannot be read.") from None
    verdicts: list[JsonObject] = [
        {
            "kind": one.get("kind"),
            "number": one.get("number"),
            "file": digests.get(str(one.get("digest"))),
            "verdict": "same" if one.get("digest") in digests else "missing",
        }
        for one in documents
    ]
    wanted = {one.get("digest") for one in documents}
    for digest, name in digests.items():
        if digest not in wanted:
            verdicts.append({"kind": None, "number": None, "file": name, "verdict": "another"})
    return verdicts


def _documents(requests: JsonObject, request: str) -> list[JsonObject]:
    listed = requests.get("requests")
    for one in listed if isinstance(listed, list) else ():
        match one:
            case {"record": {"record_id": str(found), "documents": list(documents)}} if found == request:
                return [document for document in documents if isinstance(document, dict)]
    raise NotFound("no-such-request", "No such request stands at this agent.")
