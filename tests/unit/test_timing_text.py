"""What was measured of speed, as people read it: the sentence, the plot, and where reports show them."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_page import Page
from test_reports import card, check, is_valid

from grader.records import CheckScore, Scorecard, Status, Timing, Visibility
from grader.report.feedback import render_feedback
from grader.report.gradescope import gradescope_results, outcome_text
from grader.report.page import render_page
from grader.report.terminal import render, render_summary
from grader.report.timing import growth_plot, speed_text

SQUARE = tuple((float(size), 2e-9 * size**2, 1e-9 * size**2) for size in (256, 512, 1024, 2048))
RATIO = Timing(kind="ratio", figure=1.08, low=1.01, high=1.21, allowed=4.0, runs=7)
MARGIN = Timing(kind="margin", figure=40.2, low=37.7, high=44.2, allowed=5.0, runs=9)
GROWTH = Timing(kind="growth", figure=2.08, low=1.98, high=2.2, allowed=2.6, runs=7, points=SQUARE)
SLOW = Timing(kind="ratio", figure=41.3, low=39.7, high=44.2, allowed=4.0, runs=7)
SENTENCE = "takes 1.1 times as long as the reference (1.0 to 1.2 in 7 runs); 4 is allowed"


def timed(hidden: Visibility = Visibility.VISIBLE) -> Scorecard:
    """One check of each kind, the second too slow, and the last as hidden as asked for."""
    return card(
        check("p1.ratio", "q1", 1, Status.PASSED, timing=RATIO),
        check("p1.slow", "q1", 2, Status.FAILED, timing=SLOW, message="it takes 41.3 times as long (39.7 to 44.2 …)"),
        check("p1.plain", "q1", 2, Status.FAILED),
        check("p2.margin", "q2", 0, Status.PASSED, timing=MARGIN),
        check("p2.growth", "q2", 1, Status.PASSED, timing=GROWTH, visibility=hidden),
    )


def plot(timing: Timing) -> ElementTree.Element:
    return ElementTree.fromstring(growth_plot(timing))


def places(timing: Timing, series: str) -> list[tuple[float, float]]:
    """Of the corners of a line; every one has a mark on it, beside the one in the legend."""
    [group] = [g for g in plot(timing).findall(f"g[@class='{series}']") if g.find("polyline") is not None]
    [line] = group.findall("polyline")
    found = [[float(number) for number in pair.split(",")] for pair in str(line.get("points")).split()]
    x, y, shift = ("cx", "cy", 0) if series == "own" else ("x", "y", 4)
    marks = [mark for mark in group if mark.tag in ("circle", "rect")]
    assert [float(mark.get(x, "")) + shift for mark in marks] == pytest.approx([each[0] for each in found])
    assert [float(mark.get(y, "")) + shift for mark in marks] == pytest.approx([each[1] for each in found])
    return [(each[0], each[1]) for each in found]


# --- the sentence ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timing", "sentence"),
    [
        (RATIO, SENTENCE),
        (GROWTH, "grows as size ** 2.1 (2.0 to 2.2 in 7 runs); 2.6 is allowed"),
        (MARGIN, "40 times as fast (38 to 44 in 9 runs); at least 5 wanted"),
        (
            msgspec.structs.replace(SLOW, figure=12345.6, low=9876.5, high=20000),
            "takes 12,346 times as long as the reference (9,876 to 20,000 in 7 runs); 4 is allowed",
        ),
        (
            msgspec.structs.replace(SLOW, figure=715, low=715, high=715, runs=1),
            "takes 715 times as long as the reference (in one run); 4 is allowed",
        ),
        (
            msgspec.structs.replace(RATIO, figure=0.456, low=0.4449, high=0.5, allowed=1.5),
            "takes 0.46 times as long as the reference (0.44 to 0.50 in 7 runs); 1.5 is allowed",
        ),
    ],
)
def test_a_sentence_for_each_kind(timing: Timing, sentence: str) -> None:
    """It names figure, spread, runs and what is allowed, with as many digits as mean something."""
    assert speed_text(timing) == sentence


@given(st.floats(0.01, 1000), st.sampled_from([1.0, 2.55, 4.0, 5.0, 30.0]), st.floats(0.001, 0.05))
@settings(deadline=None, derandomize=True, database=None)
def test_the_figure_is_on_its_side_of_the_limit(figure: float, allowed: float, near: float) -> None:
    """Rounding never makes a slow one look allowed, nor the other way round, however near they are."""
    for value in (figure, allowed * (1 + near), allowed * (1 - near)):
        text = speed_text(msgspec.structs.replace(RATIO, figure=value, allowed=allowed))
        shown = float(text.split()[1].replace(",", ""))
        assert (shown > allowed) == (value > allowed) and shown == pytest.approx(value, rel=0.05, abs=0.01)


# --- the plot ----------------------------------------------------------------------------------------


def test_two_lines_with_a_point_for_every_size() -> None:
    """Both lines rise from the lower left; on log-log axes a square is straight, twice as slow lies higher."""
    assert len(list(plot(GROWTH).iter("polyline"))) == 2
    own, reference = places(GROWTH, "own"), places(GROWTH, "reference")
    assert len(own) == len(reference) == len(SQUARE)
    assert [x for x, _y in own] == [x for x, _y in reference]
    for (x1, y1), (x2, y2) in itertools.pairwise(own):
        assert x2 - x1 == pytest.approx((own[-1][0] - own[0][0]) / 3, abs=0.2)
        assert y1 - y2 == pytest.approx((own[0][1] - own[-1][1]) / 3, abs=0.2) and y1 > y2
    assert len({round(low - high) for (_, high), (_, low) in zip(own, reference, strict=True)}) == 1
    assert all(high < low for (_, high), (_, low) in zip(own, reference, strict=True))


def test_what_the_axes_and_the_legend_say() -> None:
    """Sizes, milliseconds and both names are there to be read, and for who cannot see it all figures are in the
    title."""
    svg = plot(GROWTH)
    texts = [text.text for text in svg.iter("text")]
    assert {"256", "512", "1,024", "2,048", "size", "ms", "submission", "reference", "0.1", "1", "10"} <= set(texts)
    assert svg.get("role") == "img"
    assert svg[0].tag == "title" and svg[0].text == (
        "Time against size, submission and reference: 256: 0.131 ms and 0.0655 ms; 512: 0.524 ms and 0.262 ms; "
        "1,024: 2.1 ms and 1.05 ms; 2,048: 8.39 ms and 4.19 ms"
    )


def test_a_label_stands_at_its_value() -> None:
    """A time that is a step of the axis lies on the line of just that step."""
    timing = msgspec.structs.replace(GROWTH, points=((1, 0.001, 0.002), (2, 0.01, 0.02), (4, 0.1, 0.05), (8, 1.0, 0.2)))
    texts = [text for text in plot(timing).iter("text") if text.get("text-anchor") == "end"]
    labels = {text.text: float(text.get("y", "")) - 4 for text in texts}
    found = [y for _x, y in places(timing, "own")]
    assert found == pytest.approx([labels[ms] for ms in ("1", "10", "100", "1,000")], abs=0.11)


seconds = st.floats(0, 1e4) | st.sampled_from([0.0, 1e-9, 0.001, 1.0])
points = st.lists(st.tuples(seconds, seconds), min_size=1, max_size=12)


@given(points, st.integers(100, 10_000), st.sampled_from([1.5, 2.0, 4.0]))
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_any_times_give_a_plot(times: list[tuple[float, float]], first: int, step: float) -> None:
    """Equal times, none at all, a single size and huge ranges: every place is a number and inside the picture, no label
    covers its neighbour, and at least two times are told."""
    sizes = [float(round(first * step**at)) for at in range(len(times))]
    timing = msgspec.structs.replace(GROWTH, points=tuple((s, *t) for s, t in zip(sizes, times, strict=True)))
    source = growth_plot(timing)
    assert not re.search(r"nan|inf", re.sub("<title>.*</title>", "", source))
    _, _, width, height = map(float, plot(timing).get("viewBox", "").split())
    for x, y in places(timing, "own") + places(timing, "reference"):
        assert 0 < x < width and 0 < y < height
    texts = list(plot(timing).iter("text"))
    up = [float(text.get("y", "")) for text in texts if text.get("text-anchor") == "end"][:-1]
    assert len(up) >= 2 and all(low - high > 11 for low, high in itertools.pairwise(up))
    along = [(float(t.get("x", "")), len(t.text or "")) for t in texts if t.get("text-anchor") == "middle"][:-1]
    assert all(b - a > 6 * (n + m) / 2 for (a, n), (b, m) in itertools.pairwise(along))


def test_without_sizes_there_is_no_plot() -> None:
    """A ratio and a margin are a sentence and no picture."""
    assert growth_plot(RATIO) == growth_plot(MARGIN) == ""


# --- where it is shown -------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [render_page, render_feedback])
def test_pages_show_speed_of_all_that_were_timed(page: object) -> None:
    """Passed or not, every timed check has its sentence, and growth its plot; the others are not listed again."""
    source = page(timed())  # type: ignore[operator]
    text = " ".join(Page(source).text.split())
    speed = text.partition("Speed Each call")[2].partition("assed 3 checks")[0]
    assert f"passed p1.ratio {SENTENCE.capitalize()}." in speed
    assert "too slow p1.slow Takes 41 times as long as the reference (40 to 44 in 7 runs); 4 is allowed." in speed
    assert "passed p2.margin 40 times as fast (38 to 44 in 9 runs); at least 5 wanted." in speed
    assert "passed p2.growth Grows as size ** 2.1 (2.0 to 2.2 in 7 runs); 2.6 is allowed." in speed
    assert "p1.plain" not in speed
    assert source.count('<svg class="plot"') == source.count(str(growth_plot(GROWTH))) == 1


def test_the_terminal_shows_speed() -> None:
    """A block of two lines for every timed check, on staff's screens and on students'."""
    for hidden in (True, False):
        screen = render(timed(), hidden=hidden, width=100, color=False)
        block = screen.partition("\nSpeed\n\n")[2].partition("\n\n")[0].splitlines()
        assert block[:2] == ["  p1.ratio", f"    {SENTENCE}"] and len(block) == 8
    assert "Speed" not in render(card(check("one", "q1", 1, Status.PASSED)), hidden=True, color=False)


def test_gradescope_shows_speed() -> None:
    """The sentence follows what a passed check says; one that was too slow has its figures in its message already."""
    results = gradescope_results(timed())
    assert is_valid(results)
    outputs = {test["extra_data"]["check"]: test["output"] for test in results["tests"]}
    assert outputs["p1.ratio"] == f"Passed.\n\nSpeed: {SENTENCE}."
    assert outputs["p1.slow"] == "it takes 41.3 times as long (39.7 to 44.2 …)"


@pytest.mark.parametrize("visibility", sorted(set(Visibility) - {Visibility.VISIBLE}))
def test_speed_of_hidden_checks_is_hidden(visibility: Visibility) -> None:
    """What students see holds no word and no line of a hidden check's speed; staff see it, and that it is hidden."""
    shown = timed(visibility)
    for seen in (render_feedback(shown), render(shown, hidden=False, color=False), gradescope_results(shown)["output"]):
        assert "p2.growth" not in seen and "size **" not in seen and "<polyline" not in seen
    assert "<polyline" in render_page(shown) and "size ** 2.1" in render(shown, hidden=True, color=False)
    assert "passedhidden p2.growth Grows" in " ".join(Page(render_page(shown)).text.split())
    [test] = [test for test in gradescope_results(shown)["tests"] if test["visibility"] != "visible"]
    assert test["extra_data"]["check"] == "p2.growth" and "size ** 2.1" in test["output"]  # Gradescope hides it whole


def test_too_slow_is_not_called_wrong() -> None:
    """A check that failed for its time alone says so everywhere; other outcomes keep their words."""
    whole = timed()
    words: dict[str, CheckScore] = {entry.id: entry for entry in whole.checks}
    assert [outcome_text(words[id_]) for id_ in ("p1.slow", "p1.plain", "p1.ratio")] == [
        "too slow", "wrong values", "passed",
    ]  # fmt: skip
    assert "p1.slow  too slow" in render(whole, hidden=True, color=False)
    for text in (render_summary([whole], color=False), ", ".join(Page(render_page(whole)).text.split("\n"))):
        assert "3 passed, " in text and "1 too slow" in text and "1 wrong values" in text
    source = render_feedback(whole)
    assert source.count("wrong values") == 1 and source.count('bad">too slow') == 2
