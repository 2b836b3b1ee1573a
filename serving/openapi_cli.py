"""``tierwise openapi``: the API's description as a file, for clients to be written from."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="openapi", add_completion=False)


@app.command()
def openapi(
    out: Annotated[
        Path | None, typer.Option("--out", show_default="print it", help="File to write.")
    ] = None,
) -> None:
    """Write the OpenAPI file of the service."""
    from serving.app import create_app
    from serving.settings import Settings

    with tempfile.TemporaryDirectory() as home:
        # A store of its own: the description does not depend on any.
        service = create_app(Settings(home=Path(home), database_url=None, environment="test"))
        text = json.dumps(service.openapi(), ensure_ascii=False, indent=1) + "\n"
        service.state.database.dispose()
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, "utf-8")
