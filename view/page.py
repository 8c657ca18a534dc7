"""A page from its sections: one file, no script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from spikewright import __version__
from spikewright.echo import shown
from spikewright.view.section import Section

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(TEMPLATES)
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["printable"] = lambda text: shown(text, 400)
    return made


def draw(title: str, kind: str, sections: Sequence[Section], missing: Sequence[str] = ()) -> str:
    """The whole page.

    title: a name, which may hold anything; kind: what it is of; missing: sentences of what is not shown.
    """
    style = (TEMPLATES / "page.css").read_text()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=title,
            kind=kind,
            sections=sections,
            missing=missing,
            style=Markup(style),
            policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
            version=__version__,
        )
    )
