"""How a request shows that it may be sent: the digests of government platforms, made of a secret that never travels.

Neither covers the parameters or the answer: over a line that others share, only https does.
"""

import hashlib
from datetime import datetime
from typing import NamedTuple

from adapters.interfaces.mapping import Sign


class Signed(NamedTuple):
    headers: dict[str, str]
    parameters: dict[str, str]


def signed(sign: Sign, token: str, at: datetime, nonce: str) -> Signed:
    """What is sent besides, fresh for each request. `nonce` counts once."""
    seconds = str(int(at.timestamp()))
    match sign.by:
        case "tif":
            digest = _sha256(seconds + token + nonce + seconds)
            said = {"paasid": sign.id, "timestamp": seconds, "nonce": nonce, "signature": digest}
            return Signed({sign.prefix + name: value for name, value in said.items()}, {})
        case "app":
            time = str(int(at.timestamp() * 1000)) if sign.milliseconds else seconds
            named = {sign.id_parameter: sign.id, sign.timestamp_parameter: time}
            return Signed({}, {**named, sign.sign_parameter: _sha256(sign.id + token + time)})
    return Signed({}, {})


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
