"""Written answers, from the notebook to the scorecard: the real command, and a real browser on the real pages."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from commands import Place, run_lent
from mini_assignment import EXTRAS, MODEL, SOLUTION, WRITTEN_FILES, notes, swap, write_files, write_mini
from playwright.sync_api import Browser, BrowserContext, Page, expect

from grader.audit import audit
from grader.errors import GraderError, ManifestError
from grader.grading import Desk
from grader.records import Scorecard
from grader.worker.launch import Launcher, Zygote

HOSTILE = (
    "</pre><script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\"> =1+1 {{ 7 * 7 }}"
)
ANSWERS = {
    "ada": {"inline-1": MODEL["inline-1"], "inline-2": "Because it is smaller than that."},
    "bob": {"inline-1": HOSTILE},
    "kim": {"inline-1": MODEL["inline-1"].upper(), "inline-2": "x" * 30_000},
}

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A repository whose assignment has two written questions, and three submissions beside it."""
    found = Place(tmp_path_factory.mktemp("place"), WRITTEN_FILES)
    for name, answers in ANSWERS.items():
        hand_in(found, name, answers)
    return found


def hand_in(place: Place, name: str, answers: dict[str, str]) -> Path:
    files = {"solution.py": SOLUTION, "extras.py": EXTRAS, "notes.ipynb": notes(answers)}
    return write_files(place.root.parent / name, files)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def run(place: Place, zygote: Zygote) -> Run:
    """`grade.py` with these arguments, in that repository."""

    def command(*args: object) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(place.root), "COLUMNS": "100"}
        own = [sys.executable, f"{place.root}/grade.py", *map(str, args)]
        return run_lent(zygote, own, cwd=place.root, env=environment)

    return command


@pytest.fixture(scope="module")
def graded(place: Place, run: Run) -> Path:
    """The reports of the three submissions; not to be changed."""
    for name in ANSWERS:
        done = run("run", "mini", place.root.parent / name, "--out", place.root / "reports" / name)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[-2] == "Score: 8 / 8, 3 awaiting staff"
    return place.root / "reports"


@pytest.fixture
def out(graded: Path, tmp_path: Path, run: Run) -> Path:
    """A copy of those reports, with pages."""
    folder = shutil.copytree(graded, tmp_path / "out")
    done = run("written", "mini", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{folder}/written/inline_1.html: 3 answers, 1 flagged, 0 scored",
        f"{folder}/written/inline_2.html: 3 answers, 2 flagged, 0 scored",
    ]
    return folder


@pytest.fixture
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of its own, in which the pages keep what is typed. Nothing may be loaded or go wrong."""
    context = browser.new_context()
    trouble: list[str] = []
    context.on("console", lambda message: trouble.append(message.text))
    context.on("weberror", lambda error: trouble.append(str(error.error)))
    context.on("request", lambda request: trouble.append(request.url) if "/written/" not in request.url else None)
    yield context
    context.close()
    assert [text for text in trouble if not text.startswith("blob:")] == []


def opened(profile: BrowserContext, out: Path, question: str = "inline_1") -> Page:
    page = profile.new_page()
    page.goto((out / "written" / f"{question}.html").as_uri())
    return page


def tags(out: Path) -> dict[str, str]:
    """Submission -> tag, by the key that only staff have."""
    text = (out / "written/key.csv").read_text(encoding="utf-8-sig")
    return {row["submission"]: row["tag"] for row in csv.DictReader(io.StringIO(text))}


def values(page: Page) -> dict[str, tuple[str, str]]:
    """Tag -> score and remark, in the page's order."""
    found = {}
    for each in page.locator("article").all():
        fields = each.locator("input").input_value(), each.locator("textarea").input_value()
        found[str(each.get_attribute("data-tag"))] = fields
    return found


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


def press(page: Page, *keys: str) -> None:
    """Keys as a person presses them, wherever the focus is; what is no name of a key is typed."""
    for key in keys:
        if key in ("Enter", "Tab", "ArrowUp", "ArrowDown") or "+" in key:
            page.keyboard.press(key)
        else:
            page.keyboard.type(key)


def saved(page: Page, to: Path) -> Path:
    with page.expect_download() as download:
        press(page, "Control+s")
    download.value.save_as(to)
    return to


def card(folder: Path) -> Scorecard:
    return msgspec.json.decode((folder / "scorecard.json").read_bytes(), type=Scorecard)


# --- the way of a score ------------------------------------------------------------------------------


def test_from_the_keyboard_to_the_scorecard(
    out: Path, place: Place, run: Run, profile: BrowserContext, tmp_path: Path,
    valid_reports: Callable[[Path], Scorecard],
) -> None:  # fmt: skip
    """Scores typed without a mouse outlive a reload, are saved and merged, and are kept when it is graded again."""
    page = opened(profile, out)
    order = list(values(page))
    assert sorted(order) == sorted(tags(out).values())
    press(page, "1", "Tab", "=Good; \"really\", it's", "Shift+Enter", "so", "Enter", ".5", "Enter", "0")
    assert page.text_content("#count") == "3 of 3 scored"
    typed = {order[0]: ("1", "=Good; \"really\", it's\nso"), order[1]: (".5", ""), order[2]: ("0", "")}
    assert values(page) == typed
    page.reload()
    assert values(page) == typed and page.text_content("#count") == "3 of 3 scored"

    table = saved(page, tmp_path / "scores.csv")
    assert table.read_bytes().startswith(b"\xef\xbb\xbftag,question,score,remark,answer\r\n")
    assert "\"'=Good; \"\"really\"\", it's\nso\"" in table.read_text(encoding="utf-8-sig")  # and no formula
    done = run("written", "mini", out, "--merge", table)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Merged 3 scores into the reports of 3 submissions; 3 answers still awaiting staff.")
    assert "inline_1.html: 3 answers, 1 flagged, 3 scored" in done.stdout
    given = dict(zip(order, (1, 0.5, 0), strict=True))
    for name, tag in tags(out).items():
        found = valid_reports(out / name)
        assert (found.score, found.max_score, found.awaiting, found.complete) == (8 + given[tag], 9, 2, True)
    [first] = [name for name, tag in tags(out).items() if tag == order[0]]
    results = json.loads((out / first / "results.json").read_bytes())
    [told] = [test for test in results["tests"] if test["name"] == "Inline question 1"]
    assert (told["score"], told["max_score"], told["output"]) == (1, 1, "=Good; \"really\", it's\nso")
    assert results["score"] == 9

    before = card(out / first)
    done = run("run", "mini", place.root.parent / first, "--out", out / first)
    assert "Score: 9 / 9, 2 awaiting staff" in done.stdout and "really" in done.stdout
    assert card(out / first).questions == before.questions
    fresh = opened(profile, out, "inline_2")
    fresh.click("nav a >> nth=0")  # the other page, on which the merged scores now stand
    assert fresh.locator(f"[data-tag={order[0]}] header").inner_text().endswith("merged: 1")


def test_merged_scores_are_where_another_browser_starts(
    out: Path, run: Run, browser: Browser, tmp_path: Path
) -> None:
    """A browser that has never seen the page shows what was merged; a correction in it takes the old score's place."""
    ada = tags(out)["ada"]
    table = tmp_path / "by-hand.csv"
    table.write_text(f"tag,question,score,remark\n{ada},inline_1,1,Well.\n")
    assert run("written", "mini", out, "--merge", table).returncode == 0
    context = browser.new_context()
    page = opened(context, out)
    assert values(page)[ada] == ("1", "Well.") and page.text_content("#count") == "1 of 3 scored"
    page.fill(f"#score-{ada}", "0,5")
    saved(page, tmp_path / "new.csv")
    context.close()
    assert run("written", "mini", out, "--merge", tmp_path / "new.csv").returncode == 0
    assert (card(out / "ada").score, card(out / "ada").checks[-2].message) == (8.5, "Well.")


def test_nothing_is_merged_from_a_bad_table(out: Path, run: Run, tmp_path: Path) -> None:
    """Exit code 2, a line on stderr for every complaint, and no report changed."""
    ada = tags(out)["ada"]
    table = tmp_path / "bad.csv"
    table.write_text(f"tag,question,score,remark\n{ada},inline_1,1,\n{ada},inline_2,3,\nzzzzzz,inline_1,1,\n")
    done = run("written", "mini", out, "--merge", table)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "grade: nothing was merged:",
        "  bad.csv, line 3: 3 is more than the 2 points of inline_2",
        "  bad.csv, line 4: there is no submission with the tag 'zzzzzz'",
    ]
    assert card(out / "ada").awaiting == 3
    for wrong in (["--merge"], [table]):
        assert run("written", "mini", out, *wrong).returncode == 2


# --- the page ----------------------------------------------------------------------------------------


def test_keys(out: Path, profile: BrowserContext) -> None:
    """Enter leads on, Shift+Enter back, Ctrl+Enter to what has no score, arrows change one; Save comes last."""
    page = opened(profile, out, "inline_2")
    first, second, third = (f"score-{tag}" for tag in values(page))
    assert focused(page) == first
    press(page, "ArrowUp", "ArrowDown", "Enter")
    assert (page.input_value(f"#{first}"), focused(page)) == ("1.5", second)
    press(page, "ArrowDown", "ArrowDown", "Enter", "Shift+Enter")
    assert (page.input_value(f"#{second}"), focused(page)) == ("0", second)
    press(page, "Shift+Enter", "ArrowUp", "ArrowUp", "Control+Enter")
    assert (page.input_value(f"#{first}"), focused(page)) == ("2", third)
    press(page, "1", "Enter")
    assert focused(page) == "save" and page.text_content("#count") == "3 of 3 scored"
    assert page.locator("#save").evaluate("node => getComputedStyle(node).outline").endswith("solid 3px")


@pytest.mark.parametrize("text", ["3", "0.7", "-1", "1e0", "one", "Infinity", "0x1", "1.", "=1"])
def test_only_scores_that_there_are(out: Path, profile: BrowserContext, text: str) -> None:
    """What is no score is said at once, does not count, is not led on from, and keeps the table from being saved."""
    page = opened(profile, out, "inline_2")
    tag = next(iter(values(page)))
    press(page, text, "Enter")
    if text == "1.":  # on the way to 1.5, and a score already
        assert page.text_content("#count") == "1 of 3 scored"
        return
    assert page.text_content(f"#problem-{tag}") == "A score is 0 to 2, in steps of 0.5."
    assert page.get_attribute(f"#score-{tag}", "aria-invalid") == "true"
    assert (page.text_content("#count"), focused(page)) == ("0 of 3 scored", f"score-{tag}")
    page.click("#save")
    assert page.text_content("#notice") == "Nothing was saved: a score is not valid."
    page.fill(f"#score-{tag}", "2")
    assert page.text_content(f"#problem-{tag}") == page.text_content("#notice") == ""


def test_hostile_answers_stay_text(out: Path, profile: BrowserContext) -> None:
    """Tags in an answer are shown and not followed: no script of a student's runs, no picture is asked for."""
    page = opened(profile, out)
    bob = page.locator(f"[data-tag={tags(out)['bob']}]")
    assert bob.locator(".answer").inner_text() == HOSTILE
    assert page.title() == "Inline question 1 · Mini assignment"
    assert page.locator("main img, main script").count() == 0
    for name, tag in tags(out).items():  # who wrote an answer is nowhere on the page
        assert name not in page.content() and tag in page.content()


def test_a_draft_is_for_the_answer_that_it_was_typed_for(
    out: Path, place: Place, run: Run, profile: BrowserContext, tmp_path: Path
) -> None:
    """When a submission comes in again with another answer, its field is empty; the old table is refused."""
    page = opened(profile, out)
    tag = tags(out)["ada"]
    page.fill(f"#score-{tag}", "1")
    table = saved(page, tmp_path / "old.csv")
    changed = hand_in(place, "again", {"inline-1": "I have changed my mind about this since then, sorry."})
    assert run("run", "mini", changed, "--out", out / "ada").returncode == 0
    assert run("written", "mini", out).returncode == 0
    page.reload()
    assert values(page)[tag] == ("", "")
    done = run("written", "mini", out, "--merge", table)
    assert done.returncode == 2 and f"{tag} has another answer to inline_1 now" in done.stderr


def test_two_windows_show_the_same(out: Path, profile: BrowserContext) -> None:
    """What is typed in one window of a page appears in another one, so that neither overwrites the other."""
    one, other = opened(profile, out), opened(profile, out)
    tag = next(iter(values(one)))
    one.fill(f"#score-{tag}", "0.5")
    expect(other.locator(f"#score-{tag}")).to_have_value("0.5")  # asks again, without eval in the page
    assert other.text_content("#count") == "1 of 3 scored"


def test_a_remark_without_a_score_is_told(out: Path, profile: BrowserContext, tmp_path: Path, run: Run) -> None:
    """It is in the table, the page says that it will not be merged, and merging leaves the answer waiting."""
    page = opened(profile, out)
    press(page, "Tab", "think about it")
    table = saved(page, tmp_path / "scores.csv")
    assert "1 with a remark and no score will not be merged." in str(page.text_content("#notice"))
    done = run("written", "mini", out, "--merge", table)
    assert done.stdout.startswith("Merged 0 scores into the reports of 0 submissions; 6 answers still awaiting staff.")


@pytest.mark.parametrize("width", [320, 1600])
def test_nothing_is_wider_than_the_window(out: Path, profile: BrowserContext, width: int) -> None:
    """Answers without a space to break at fit into a narrow window and a wide one."""
    page = opened(profile, out, "inline_2")
    page.set_viewport_size({"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


# --- grading -----------------------------------------------------------------------------------------


def test_flags_are_remarks_of_the_scorecard(graded: Path) -> None:
    """What is unchanged, short or holds a picture is said in the card, which is complete all the same."""
    found = card(graded / "bob")
    assert found.complete
    assert found.findings == (
        "Inline question 1: the answer holds a picture, which staff do not see beside the text",
        "Inline question 2: the answer is still the placeholder",
    )
    assert (graded / "bob/written.json").stat().st_mode & 0o077 == 0


def test_a_part_without_written_questions_has_none(place: Place, run: Run, tmp_path: Path) -> None:
    """Grading one part asks for that part's answers alone."""
    done = run("run", "mini", place.root.parent / "ada", "--part", "p1", "--out", tmp_path / "out")
    assert "Score: 6 / 6\n" in done.stdout
    assert not (tmp_path / "out/written.json").exists()
    done = run("written", "mini", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "") and "there is no written.json in" in done.stderr


def test_a_missing_notebook_still_awaits_staff(tmp_path: Path, launcher: Launcher) -> None:
    """Without the notebook nothing is counted as 0: the card says what is missing and awaits staff."""
    assignment = write_mini(tmp_path / "repository", WRITTEN_FILES)
    source = write_files(tmp_path / "late", {"solution.py": SOLUTION, "extras.py": EXTRAS})
    with Desk(assignment, launcher) as desk:
        found = desk.grade(source, out=tmp_path / "out")
    assert (found.score, found.max_score, found.awaiting) == (8, 8, 3)
    assert "Inline question 1: the answer was not found in notes.ipynb" in found.findings


def test_damaged_marks_are_not_passed_over(tmp_path: Path, launcher: Launcher) -> None:
    """Grading into a folder whose marks cannot be read stops before anything is graded, and leaves them there."""
    assignment = write_mini(tmp_path / "repository", WRITTEN_FILES)
    write_files(tmp_path / "out", {"marks.json": "{"})
    with Desk(assignment, launcher) as desk, pytest.raises(GraderError, match=r"marks\.json is damaged"):
        desk.grade(assignment.reference, out=tmp_path / "out")
    assert (tmp_path / "out/marks.json").read_text() == "{"


def test_the_manifest_and_the_reference_must_agree(tmp_path: Path, launcher: Launcher) -> None:
    """A question whose cell the reference's notebook does not have is refused before anything is graded."""
    manifest = swap(str(WRITTEN_FILES["reference/mini/assignment.toml"]), 'cell = "inline-2"', 'cell = "inline-3"')
    assignment = write_mini(tmp_path / "repository", {**WRITTEN_FILES, "reference/mini/assignment.toml": manifest})
    with pytest.raises(ManifestError, match=r"the reference's notes\.ipynb has no cell with the id 'inline-3'"):
        Desk(assignment, launcher)


def test_an_audit_passes_over_what_staff_judge(tmp_path: Path) -> None:
    """The reference has full marks though its written answers await staff, and the stubs score nothing."""
    report = audit(write_mini(tmp_path / "repository", WRITTEN_FILES), only=("reference", "stubs"))
    assert report.findings == ()
    assert report.scores == {"reference": (8, 8), "stubs": (0, 8)}
