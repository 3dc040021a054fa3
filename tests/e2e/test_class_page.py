"""The page of a class in a real browser: sorted, searched, followed, printed, by hand and by keyboard."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from class_rows import class_manifest, class_rows
from msgspec import structs
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from grader.records import HandedIn, Identity, Row, Scorecard, Status, Timing, Visibility
from grader.report.feedback import render_feedback
from grader.report.overview import write_overview
from grader.report.page import render_page

HOSTILE = "</script><img src=x onerror=\"document.title = 'taken'\">{{ 7 * 7 }}"
COUNT = 240

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """A plausible class, and one submission of somebody with a hostile name."""
    *most, last = class_rows(COUNT, seed=5)
    handed = HandedIn(id="zz-hostile", people=(Identity(name=HOSTILE, email="mallory@x.example"),), late_min=75.0)
    return [*most, Row(handed=handed, card=last.card)]


@pytest.fixture(scope="module")
def place(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The class's folder, as grading leaves it: the page, and a folder for each submission."""
    folder = tmp_path_factory.mktemp("class")
    write_overview(rows, class_manifest(), folder / "report.html")
    for row in rows:
        if row.card:
            (folder / row.handed.id).mkdir()
            (folder / row.handed.id / "report.html").write_text(render_page(row.card), encoding="utf-8")
            (folder / row.handed.id / "feedback.html").write_text(render_feedback(row.card), encoding="utf-8")
    return folder


@pytest.fixture
def opened(browser: Browser, place: Path) -> Iterator[Open]:
    """Opens the page in a browser of its own. Nothing may be loaded from elsewhere, and nothing go wrong."""
    contexts = []
    trouble: list[str] = []

    def open_page(hash_: str = "", *, file: Path | None = None, **options: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})  # type: ignore[arg-type]
        contexts.append(context)
        context.on("console", lambda message: trouble.append(message.text))
        context.on("weberror", lambda error: trouble.append(str(error.error)))
        context.on("request", lambda request: None if request.url.startswith("file:") else trouble.append(request.url))
        page = context.new_page()
        page.goto((file or place / "report.html").as_uri() + hash_)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []


def ids(page: Page) -> list[str]:
    return page.locator("#table tbody .name").all_inner_texts()


def texts(page: Page, column: str) -> list[str]:
    return page.locator(f"#table tbody .{column}").all_inner_texts()


def numbers(page: Page, column: str) -> list[float]:
    """The figures of a column, without the dashes of what was not graded."""
    return [float(text.split()[0]) for text in texts(page, column) if text != "–"]


def search(page: Page, text: str) -> int:
    """How many submissions are found; none of them hidden on another page."""
    page.fill("#search", text)
    return int(str(page.text_content("#count")).split()[0].replace(",", ""))


def sort(page: Page, column: str) -> str:
    """Press a heading; what it then says of the order."""
    heading = page.locator("#table").get_by_role("columnheader", name=column, exact=True)
    heading.get_by_role("button", name=column, exact=True).click()
    return str(heading.get_attribute("aria-sort"))


# Searches and follows a link, after which the page is busy until the address would have been told of the search.
AT_ONCE = """(link) => {
  const search = document.querySelector("#search");
  search.value = "zz-";
  search.dispatchEvent(new Event("input"));
  document.querySelector(link).click();
  const until = performance.now() + 1000;
  while (performance.now() < until);
}"""


def counted(page: Page, text: str) -> None:
    """Wait until the page says that so many submissions are shown: a link within it is followed a moment after."""
    expect(page.locator("#count")).to_have_text(text)


def settled(page: Page, part: str) -> None:
    """Wait until the address holds this."""
    expect(page).to_have_url(re.compile(f"#.*{re.escape(part)}"))


# --- sort and search ---------------------------------------------------------------------------------


def test_every_column_sorts(opened: Open, rows: list[Row]) -> None:
    """Pressing a heading sorts by it and says so; once more turns the order round; figures start with the largest."""
    page = opened()
    assert ids(page) == [row.handed.id for row in rows][:100]  # ids of a platform, in the order of their numbers
    assert page.locator("[aria-sort=ascending]").inner_text() == "Submission"

    assert sort(page, "Score") == "descending"
    best = numbers(page, "points")
    assert len(best) == 100 and best == sorted(best, reverse=True)
    assert sort(page, "Score") == "ascending"
    worst = numbers(page, "points")
    assert worst == sorted(worst) and worst[-1] <= best[0] and worst[0] < best[-1]
    assert page.locator("#table [aria-sort=ascending], #table [aria-sort=descending]").count() == 1

    assert sort(page, "Time") == "descending"
    slowest = numbers(page, "time")
    assert slowest == sorted(slowest, reverse=True)
    assert slowest[0] == pytest.approx(max(row.card.seconds for row in rows if row.card), abs=0.06)

    assert sort(page, "Late") == "descending"
    late = [text for text in texts(page, "late") if text]
    assert len(late) == sum(row.handed.late_min != 0 for row in rows) and texts(page, "late")[: len(late)] == late
    assert late[0] == "2 d" and late[-1] == "late"

    assert sort(page, "People") == "ascending"
    first = [unicodedata.normalize("NFD", text)[0].upper() for text in texts(page, "people")]
    assert first == sorted(first) and first[:2] == ["<", "A"]

    assert sort(page, "Status") == "descending"
    states = texts(page, "status")
    bad = sum(row.card is None for row in rows), sum(row.card is None or not row.card.complete for row in rows)
    assert 0 < bad[0] < bad[1]
    assert all(text.startswith("not graded") for text in states[: bad[0]])
    assert all(text.startswith("incomplete") for text in states[bad[0] : bad[1]])
    failed = [int(text.split()[0]) for text in states[bad[1] :]]
    assert failed == sorted(failed, reverse=True)


def test_what_is_not_known_comes_last(opened: Open, rows: list[Row]) -> None:
    """A submission without a score is at the end of both orders."""
    page = opened("#show=attention")
    for _order in ("descending", "ascending"):
        sort(page, "Score")
        shown = texts(page, "points")
        dashes = shown.count("–")
        assert dashes == sum(row.card is None for row in rows) and set(shown[-dashes:]) == {"–"} != set(shown)


def test_search(opened: Open, rows: list[Row]) -> None:
    """Words of ids, names, addresses, numbers, statuses and checks are found, whatever their case and accents."""
    page = opened()

    def those(wanted: Callable[[Row], bool]) -> int:
        return sum(map(wanted, rows))

    def having(row: Row, check: str, *statuses: str) -> bool:
        found = row.card.checks if row.card else ()
        return any(re.fullmatch(check, each.id) and each.status in statuses for each in found)

    person = rows[3].people[0]
    assert search(page, rows[7].handed.id.upper()) == 1 and ids(page) == [rows[7].handed.id]
    for word in (person.email, person.sid):
        assert search(page, word) == 1 and ids(page) == [rows[3].handed.id]
    found = search(page, "zoe")
    assert found == those(lambda row: any("Zoë" in each.name for each in row.people)) > 0
    assert search(page, "zoe O'BRIEN") < found
    assert search(page, "ran out of memory") == those(lambda row: having(row, ".*", "out_of_memory")) > 0
    assert search(page, "timed_out") == those(lambda row: having(row, ".*", "timed_out")) > 0
    wrong = ("failed", "not_implemented", "raised", "timed_out", "out_of_memory", "skipped", "ungraded")
    found = search(page, "p1.lstm.gates")  # and not "p1.lstm.gates.sizes"
    assert found == those(lambda row: having(row, "p1.lstm.gates", *wrong)) > 0
    assert search(page, "p1.lstm.gates.") == those(lambda row: having(row, "p1.lstm.gates.+", *wrong)) > found
    search(page, "p1.lstm.gates.sizes")
    page.select_option("#show", "skipped")
    assert page.text_content("#count") == (
        f"{those(lambda row: having(row, 'p1.lstm.gates.sizes', 'skipped'))} of {COUNT} submissions"
    )
    page.select_option("#show", "late")
    assert search(page, "") == those(lambda row: row.handed.late_min != 0)
    page.select_option("#show", "attention")
    assert search(page, "") == those(lambda row: row.card is None or not row.card.complete)
    assert search(page, "no such thing") == 0 and ids(page) == []


def test_pages(opened: Open, rows: list[Row]) -> None:
    """A long table has pages, which buttons lead through; the ends are told, and keep the focus."""
    page = opened()
    button = {name: page.get_by_role("button", name=name, exact=True) for name in ("First", "Previous", "Next", "Last")}
    button["Next"].click()
    assert ids(page) == [row.handed.id for row in rows[100:200]]
    assert page.text_content("#range") == "101–200 of 240"
    button["Next"].click()
    assert ids(page) == [row.handed.id for row in rows[200:]]
    assert button["Next"].get_attribute("aria-disabled") == "true" == button["Last"].get_attribute("aria-disabled")
    assert button["Next"].evaluate("node => node === document.activeElement")
    button["Last"].click(force=True)
    assert page.text_content("#range") == "201–240 of 240"
    button["First"].click()
    assert page.text_content("#range") == "1–100 of 240"
    button["Last"].click()
    search(page, "zz-")  # a search starts at its first page
    assert ids(page) == ["zz-hostile"] and not page.is_visible("#pages")


# --- links and the address ---------------------------------------------------------------------------


def test_a_student_is_a_link_away_and_the_way_back_is_kept(opened: Open) -> None:
    """The link leads to the submission's own page; going back shows the same rows in the same order."""
    page = opened()
    search(page, "lstm")
    sort(page, "Score")
    settled(page, "sort=-score")
    shown = ids(page)
    page.locator("#table tbody a").nth(4).click()
    assert page.locator("h1").inner_text() == shown[4] and page.url.endswith(f"/{shown[4]}/report.html")
    page.go_back()
    assert ids(page) == shown and page.input_value("#search") == "lstm"
    page.reload()
    assert ids(page) == shown and page.locator("[aria-sort=descending]").inner_text() == "Score"


@pytest.mark.parametrize("hash_", [
    "#sort=toString&group=length&show=x&page=-7", "#page=1e9&group=-1", "#q=%E0%A4&sort=--", "#group=__proto__&page=x",
])  # fmt: skip
def test_a_damaged_address_shows_all(opened: Open, hash_: str) -> None:
    """What the address says and the page does not know is passed over."""
    page = opened(hash_)
    shown = str(page.text_content("#count"))
    assert shown == f"{COUNT} submissions" or (hash_.startswith("#q") and shown == f"0 of {COUNT} submissions")
    assert page.locator("[aria-sort=ascending]").inner_text() == "Submission"


def test_figures_lead_to_the_submissions(opened: Open, rows: list[Row]) -> None:
    """A number of a check, a status and a group of the same mistake each lead to just these rows, and back to all."""
    page = opened()
    page.locator("#statuses").get_by_role("link", name="skipped").click()
    expect(page.locator("#show")).to_have_value("skipped")
    page.go_back()  # to where nothing had been chosen
    counted(page, f"{COUNT} submissions")
    first = page.locator(".group").first
    sentence = first.locator("p").first.inner_text()
    many = int(sentence.split()[0])
    check = first.locator("code").first.inner_text()
    first.get_by_role("link", name="in the table").click()
    counted(page, f"{many} of {COUNT} submissions")
    assert len(ids(page)) == many
    assert page.evaluate("document.activeElement.textContent") == "Submissions"
    values = {
        each.returned
        for row in rows
        if row.handed.id in ids(page) and row.card
        for each in row.card.checks
        if each.id == check
    }
    assert "the same wrong value" in sentence and len(values) == 1
    page.get_by_role("button", name="Show all").click()
    assert page.text_content("#count") == f"{COUNT} submissions" and not page.is_visible("#only")

    page.locator("#questions summary").click()
    link = page.locator("#questions .outcomes a").first
    name = page.locator("#questions details tbody code").first.inner_text()
    many = int(link.inner_text().split()[0])
    link.click()
    counted(page, f"{many} of {COUNT} submissions")
    assert page.input_value("#search") == name
    page.go_back()  # to the state before, which the address kept
    counted(page, f"{COUNT} submissions")
    page.locator("#statuses").get_by_role("link", name="skipped").click()
    expect(page.locator("#show")).to_have_value("skipped")
    assert page.input_value("#search") == ""


def test_a_link_that_is_followed_at_once(opened: Open) -> None:
    """A link leads where it should while the address is yet to be told of a change, to which the way back leads."""
    page = opened()
    page.locator("#questions summary").click()
    page.evaluate(AT_ONCE, "#questions .outcomes a")
    many = page.locator("#questions .outcomes a").first.inner_text().split()[0]
    counted(page, f"{many} of {COUNT} submissions")
    page.go_back()
    counted(page, f"1 of {COUNT} submissions")
    assert ids(page) == ["zz-hostile"]


def test_parts_of_the_page_are_no_search(opened: Open) -> None:
    """The links on top lead to their parts, each of which there is, and change nothing in the table."""
    page = opened()
    search(page, "zz-")
    for link in page.locator("main > nav a").all():
        link.click()
        target = str(link.get_attribute("href"))
        assert page.locator(target).count() == 1 and page.evaluate("location.hash") == target
        assert ids(page) == ["zz-hostile"]


def test_hostile_names_are_text(opened: Open) -> None:
    """Tags in a name are shown and not followed."""
    page = opened()
    search(page, "mallory")
    assert texts(page, "people") == [HOSTILE]
    assert page.title() == "Assignment 9: Sequences and pictures · class" and page.locator("img").count() == 0


# --- keyboard, eyes, paper ---------------------------------------------------------------------------


def test_by_keyboard_alone(opened: Open) -> None:
    """Every control is reached with Tab in the order of reading, is seen to be, and works with Enter or Space."""
    page = opened()
    page.focus("#search")
    page.keyboard.type("lstm")
    seen = []
    for _ in range(8):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.innerText || document.activeElement.id").strip())
        outline = page.evaluate("getComputedStyle(document.activeElement).outline")
        assert outline.endswith("solid 3px") or seen[-1].startswith("all"), seen[-1]  # a select draws its own
    assert seen[0].startswith("all") and seen[1:7] == ["Submission", "People", "Score", "Late", "Time", "Status"]
    assert seen[7] == ids(page)[0]
    for _ in range(4):
        page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.innerText").strip() == "Score"
    page.keyboard.press("Enter")
    best = numbers(page, "points")
    page.keyboard.press("Space")
    worst = numbers(page, "points")
    assert best == sorted(best, reverse=True) and worst == sorted(worst)
    assert page.evaluate("document.activeElement.innerText").strip() == "Score"


CONTRAST = """() => {
  const rgba = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    throw new Error("no ground");
  };
  const found = {};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !node.checkVisibility()) continue;
    const [text, ground] = [rgba(getComputedStyle(node).color), behind(node)];
    const [high, low] = [light(text), light(ground)].sort((a, b) => b - a);
    found[`${text.slice(0, 3)} on ${ground.slice(0, 3)}`] = (high + 0.05) / (low + 0.05);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "staff", "feedback"])
def test_contrast(opened: Open, place: Path, rows: list[Row], scheme: str, name: str) -> None:
    """Every visible text has a contrast of 4.5 to 1 or more with what is behind it, by day and by night."""
    worst = min((row.card for row in rows if row.card), key=lambda card: card.score)
    of = next(row.handed.id for row in rows if row.card is worst)
    file = {"report": "report.html", "staff": f"{of}/report.html", "feedback": f"{of}/feedback.html"}[name]
    page = opened("#group=0" if name == "report" else "", file=place / file, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    found = page.evaluate(CONTRAST)
    assert len(found) >= 3
    assert {pair: round(ratio, 2) for pair, ratio in found.items() if ratio < 4.5} == {}
    grounds = {pair.split(" on ")[1] for pair in found}
    assert ("255,255,255" in grounds) == (scheme == "light")


@pytest.fixture(scope="module")
def timed(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student's page of somebody whose time was taken: one check grew too fast, one is as fast as the reference."""
    square = tuple((float(size), 4e-9 * size**2, 3e-9 * size**2) for size in (256, 512, 1024, 2048))
    growth = Timing(kind="growth", figure=2.0, low=1.9, high=2.1, allowed=1.5, runs=7, points=square)
    ratio = Timing(kind="ratio", figure=1.1, low=1.0, high=1.2, allowed=4.0, runs=7)
    card = next(row.card for row in rows if row.card)
    seen = [check for check in card.checks if check.visibility is Visibility.VISIBLE][:2]
    checks = [
        structs.replace(seen[0], status=Status.FAILED, timing=growth),
        structs.replace(seen[1], status=Status.PASSED, timing=ratio),
    ]
    path = tmp_path_factory.mktemp("timed") / "feedback.html"
    path.write_text(render_feedback(structs.replace(card, checks=tuple(checks))), encoding="utf-8")
    return path


@pytest.mark.parametrize("media", ["screen", "print"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_plot_is_seen(opened: Open, timed: Path, scheme: str, media: str) -> None:
    """By day, by night and on paper its texts have a contrast of 4.5 to 1, its lines and marks one of 3 to 1; it fits a
    phone, and has a name for who cannot see it."""
    page = opened(file=timed, color_scheme=scheme, viewport={"width": 320, "height": 740})
    page.emulate_media(media=media, color_scheme=scheme)  # type: ignore[arg-type]
    assert page.get_by_role("img", name="Time against size").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    box = page.locator("svg.plot").bounding_box()
    assert box and box["width"] > 250 and box["height"] > 150
    found = page.evaluate(CONTRAST)
    assert {pair: round(ratio, 2) for pair, ratio in found.items() if ratio < 4.5} == {}
    assert page.evaluate("getComputedStyle(document.querySelector('.plot text')).fill") in {
        f"rgb({', '.join(pair.split(' on ')[0].split(','))})" for pair in found
    }
    # As text of the lines' colours would be judged.
    page.evaluate("""() => document.querySelectorAll('.plot g').forEach((group) => {
      const note = document.createElement('b');
      note.append('x');
      note.style.color = getComputedStyle(group.firstChild).stroke;
      group.parentElement.parentElement.append(note);
    })""")
    assert {pair: ratio for pair, ratio in page.evaluate(CONTRAST).items() if ratio < 3} == {}


@pytest.mark.parametrize("width", [320, 360, 700, 780, 1600])
@pytest.mark.parametrize("name", ["report", "feedback"])
def test_nothing_is_wider_than_the_window(opened: Open, place: Path, rows: list[Row], width: int, name: str) -> None:
    """No page is moved sideways, on a phone or on a screen, with all that can be opened open."""
    file = place / "report.html" if name == "report" else place / rows[0].handed.id / "feedback.html"
    page = opened(file=file, viewport={"width": width, "height": 740})
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if name == "report":  # what is in a row stays in its row, and nothing covers anything else
        cells = page.locator("#table tbody tr").nth(1).locator("td").all()
        boxes = [box for box in (cell.bounding_box() for cell in cells) if box and box["width"] and box["height"]]
        assert len(boxes) >= 5
        for one, other in itertools.combinations(boxes, 2):
            apart = [
                one[start] + one[size] <= other[start] + 1 or other[start] + other[size] <= one[start] + 1
                for start, size in (("x", "width"), ("y", "height"))
            ]
            assert any(apart)


def test_a_narrow_page_still_sorts(opened: Open) -> None:
    """On a phone the headings are still there to be pressed."""
    page = opened(viewport={"width": 360, "height": 740})
    assert sort(page, "Score") == "descending"
    best = numbers(page, "points")
    assert best == sorted(best, reverse=True) and len(best) == 100


def test_print(opened: Open) -> None:
    """On paper are the rows of all pages that were found, in their order, and no control; the screen is as before."""
    page = opened("#sort=-score", viewport={"width": 680, "height": 900})  # as wide as a sheet between its margins
    assert page.locator("#table tbody tr").first.evaluate("row => getComputedStyle(row).display") == "grid"
    page.emulate_media(media="print")
    expect(page.locator("#table tbody tr")).to_have_count(240)
    assert page.locator("#table tbody tr").first.evaluate("row => getComputedStyle(row).display") == "table-row"
    printed = numbers(page, "points")
    assert printed == sorted(printed, reverse=True)
    for control in ("#search", "#pages", "main > nav", "#count + button", ".jump >> nth=0"):
        assert not page.is_visible(control)
    assert page.is_visible(".figures") and not page.is_visible("#printed")
    page.emulate_media(media="screen")
    expect(page.locator("#table tbody tr")).to_have_count(100)
    assert page.is_visible("#search")


def test_without_script_the_figures_are_there(opened: Open) -> None:
    """Figures and groups are read without a script, and a notice says what is missing; no dead control is shown."""
    page = opened(java_script_enabled=False)
    assert page.locator(".figures dd").first.inner_text() == str(COUNT)
    assert page.locator(".group").count() > 5 and page.locator(".histogram li").count() == 10
    assert "The table of all submissions needs JavaScript." in page.locator("noscript").inner_text()
    for control in ("#search", "#table", "#pages"):
        assert not page.is_visible(control)


# --- a large class -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten thousand submissions, out of a few hundred cards."""
    cards: list[Scorecard] = [row.card for row in class_rows(300, seed=9) if row.card]
    people = [(Identity(name=f"Person {at}"),) for at in range(10_000)]
    handed = (HandedIn(id=f"submission_{at}", people=of) for at, of in enumerate(people))
    rows = (Row(handed=each, card=card) for each, card in zip(handed, itertools.cycle(cards), strict=False))
    path = tmp_path_factory.mktemp("large") / "report.html"
    write_overview(rows, class_manifest(), path)
    return path


def test_ten_thousand_submissions(opened: Open, large: Path) -> None:
    """They open, sort, are found and printed like a few: with a hundred rows at a time, or a thousand on paper."""
    assert large.stat().st_size < 4_000_000
    page = opened(file=large)
    assert page.text_content("#count") == "10,000 submissions" and len(ids(page)) == 100
    assert sort(page, "Score") == "descending"
    best = numbers(page, "points")
    assert best == sorted(best, reverse=True)
    assert sort(page, "Submission") == "ascending" and sort(page, "Submission") == "descending"
    assert ids(page)[:2] == ["submission_9999", "submission_9998"]
    assert search(page, "submission_4321") == 1
    assert search(page, "") == 10_000
    page.emulate_media(media="print")
    expect(page.locator("#table tbody tr")).to_have_count(1000)
    assert page.inner_text("#printed") == "The first 1,000 of 10,000 rows are printed, in the order of the screen."


def test_headings_are_printed_on_every_page(opened: Open) -> None:
    """A table that goes on over pages has its headings at the top of each."""
    page = opened()
    reader = PdfReader(BytesIO(page.pdf(format="A4")))
    pages = [each.extract_text() for each in reader.pages]
    rows = [text for text in pages if re.search(r"of 63 did not pass", text)]
    assert len(rows) > 3 and all("People" in text and "Score" in text for text in rows)
