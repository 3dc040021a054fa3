"""Templates -> HTML pages: every text cleaned and escaped, and a policy that lets nothing run but what is ours.

The one style and the one script of a page are named by their hashes in its policy, so a browser loads and runs nothing
else, whatever stands in the page.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from grader.report.duration import seconds_text
from grader.report.gradescope import (
    STATUS_WORDS,
    awaiting_text,
    cap_text,
    clean_text,
    count_text,
    is_hidden,
    outcome_text,
    points_text,
    replace_surrogates,
)
from grader.report.timing import growth_plot, speed_text


def render_html(name: str, *, style: str, script: str | None = None, **values: Any) -> str:
    """A whole page, self-contained, of three templates: the page, which extends `layout.html`, its style and its
    script."""
    environment = _environment()
    return environment.get_template(name).render(
        style=_fixed(style),
        script=_fixed(script) if script else None,
        **values,
    )


@cache
def _fixed(name: str) -> Markup:
    """What a template without values says."""
    return Markup(_environment().get_template(name).render())


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
        "cap": cap_text,
        "coefficient": _coefficient,
        "count": count_text,
        "hash": _hash,
        "link": _link,
        "outcome": outcome_text,
        "percent": _percent,
        "plot": growth_plot,
        "points": points_text,
        "parameter": _quoted,
        "seconds": seconds_text,
        "speed": speed_text,
        "thousands": "{:,}".format,
    }
    environment.tests["hidden"] = is_hidden
    environment.globals["words"] = STATUS_WORDS
    return environment


def embedded(value: Any) -> Markup:
    """Plain data as JSON for a script element that is only read: no text in it can end the element."""
    return htmlsafe_json_dumps(value, separators=(",", ":"), ensure_ascii=False)


def _link(submission: str) -> str:
    """From a page of a class to the page of one of its submissions, whatever that is called."""
    return f"./{_quoted(submission)}/report.html"


def _quoted(text: str) -> str:
    return quote(replace_surrogates(text), safe="")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _coefficient(value: float | None) -> str:
    # The sign of what is rounded to nothing goes, and the others get one that is as wide as a digit.
    return "–" if value is None else f"{value:z.2f}".replace("-", "−")


def _clean(value: Any) -> Any:
    # Not of Markup, a subclass of str, which is text that has been escaped.
    return clean_text(value) if type(value) is str else value


def _hash(text: str) -> str:
    """As a Content-Security-Policy names a style or a script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
