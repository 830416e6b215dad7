"""Turns a template and its values into one HTML file that needs no other file and no network."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from markupsafe import Markup

from system.files import write_bytes

FOLDER = Path(__file__).resolve().parent / "templates"


def write_page(path: Path, template: str, **values: object) -> int:
    """Writes a page and returns its size in bytes.

    Text among the values is escaped, whatever it holds. `Markup` is not; only plots are `Markup`. The page forbids the
    browser to load anything and to run any script but its own, which is named by its digest.

    Args:
        template: the name of a file in `report/templates`.

    Raises:
        DiskError: the file cannot be written.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (FOLDER / "table.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    style = (FOLDER / "style.css").read_text(encoding="utf-8")
    text = environment.get_template(template).render(
        policy=Markup(policy), script=Markup(script), style=Markup(style), **values
    )
    content = text.encode("utf-8", "backslashreplace")  # names may hold bytes that are no text
    write_bytes(path, content)
    return len(content)
