"""Templates -> HTML pages: every text cleaned and escaped, and a policy that lets nothing run but what is ours.

The one style and the one script of a page are named by their hashes in its policy, so a browser loads and runs nothing
else, whatever stands in the page.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from grader.report.gradescope import (
    STATUS_WORDS,
    awaiting_text,
    clean_text,
    count_text,
    is_hidden,
    points_text,
)


def render_html(name: str, *, style: str, script: str | None = None, **values: Any) -> str:
    """A whole page, self-contained, of three templates: the page, which extends `layout.html`, its style and its
    script."""
    environment = _environment()
    return environment.get_template(name).render(
        style=Markup(environment.get_template(style).render()),
        script=Markup(environment.get_template(script).render()) if script else None,
        **values,
    )


@cache
def _environment() -> Environment:
    # Autoescape does not depend on a file name's ending, and a forgotten variable is an error, not a blank.
    environment = Environment(
        loader=PackageLoader("grader.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "awaiting": awaiting_text,
        "count": count_text,
        "hash": _hash,
        "points": points_text,
    }
    environment.tests["hidden"] = is_hidden
    environment.globals["words"] = STATUS_WORDS
    return environment


def _clean(value: Any) -> Any:
    # Not of Markup, a subclass of str, which is text that has been escaped.
    return clean_text(value) if type(value) is str else value


def _hash(text: str) -> str:
    """As a Content-Security-Policy names a style or a script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
