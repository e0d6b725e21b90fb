"""Arguments that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

ExistingFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]
KeyFile = Annotated[
    Path, typer.Option("--key", help="The party's private key, a JWK file.", exists=True, dir_okay=False)
]
GatewayUrl = Annotated[str, typer.Option("--gateway", envvar="FUYUAN_GATEWAY_URL", help="Where the gateway listens.")]
LOCAL = "http://127.0.0.1:8440"
