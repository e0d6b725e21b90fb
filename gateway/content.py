"""What a message says of its body: a content type that is read here, and nothing packed."""

from collections.abc import Mapping

from gateway.errors import WrongType

NDJSON, CSV = "application/x-ndjson", "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# What a list may be sent as. The adapters tell by the bytes what it is: clerks' machines name the types as they please.
READABLE_FEEDS = frozenset({"application/json", NDJSON, "application/ndjson", CSV, XLSX})
JSON = frozenset({"application/json"})


def require_content(headers: Mapping[str, str], readable: frozenset[str]) -> None:
    """`headers` by lower-case name. Raises WrongType (`content-type`, `content-encoding`).

    A packed body is not unpacked: a few kilobytes of it can hold gigabytes, past any limit on what is read.
    """
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise WrongType("content-encoding", "Send the body as it is, without a content encoding.")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in readable:
        raise WrongType("content-type", f"Send one of: {', '.join(sorted(readable))}.")
