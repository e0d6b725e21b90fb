"""The address a server of ours listens on."""

import socket

from gateway.errors import Unavailable


def check_address(host: str, port: int) -> None:
    """Say early what the server would only log without its words. Raises Unavailable (`address-unusable`)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise Unavailable("address-unusable", f"Cannot listen on port {port}: {error.strerror}.") from None
