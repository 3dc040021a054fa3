"""The types that travel between the parts: frozen, plain data, no behaviour beyond a property or two."""

from __future__ import annotations

import enum
from typing import Any, Literal

import msgspec


class Status(enum.StrEnum):
    """How a check ended. Of what a suite judges only PASSED earns points; only UNGRADED is our fault."""

    PASSED = "passed"
    FAILED = "failed"  # wrong values
    NOT_IMPLEMENTED = "not_implemented"  # still the stub, or the name or file is missing
    RAISED = "raised"  # the student's code raised
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"  # a signal, or the process ended itself
    REFUSED = "refused"  # broke the protocol, or a rule of the assignment
    SKIPPED = "skipped"  # a check it depends on did not pass
    UNGRADED = "ungraded"  # our fault: no score, the card is incomplete, exit code 3
    AWAITING = "awaiting_staff"  # a written answer that nobody has scored yet: its points count neither way
    SCORED = "scored"  # a written answer with the points that staff gave it, from none to all


# Of a check with one of these nothing has to be said about what went wrong.
NOT_FAILED = frozenset({Status.PASSED, Status.SKIPPED, Status.AWAITING, Status.SCORED})


class Visibility(enum.StrEnum):
    """Gradescope's four words for who sees a test."""

    VISIBLE = "visible"
    HIDDEN = "hidden"
    AFTER_DUE_DATE = "after_due_date"
    AFTER_PUBLISHED = "after_published"


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every record: immutable, typed, refuses unknown fields when decoded."""


# --- manifest ---------------------------------------------------------------------------------------


class Limits(Record, frozen=True):
    """Limits of one assignment. `*_s` are seconds of the parent's clock, `memory_mib` is per worker."""

    import_s: float = 20.0
    call_s: float = 10.0
    check_s: float = 60.0
    total_s: float = 540.0
    memory_mib: int = 2048


HowToRun = Literal["run", "quick", "off"]  # notebooks: all of them, without cells tagged slow, not at all


class NotebookLimits(Record, frozen=True):
    """How notebooks are run again. given: names that every cell finds with these values (the fast setting).
    leave_out: tags of cells that are not run."""

    given: dict[str, bool | int | float | str] = {}
    leave_out: tuple[str, ...] = ()
    cell_s: float = 60.0
    total_s: float = 180.0


class Part(Record, frozen=True):
    id: str
    title: str
    points: float


class Written(Record, frozen=True):
    """Where the answer to a question that staff judge stands in a notebook.

    cell: id of the cell for the answer, which a student's tool may have dropped.
    heading: how a line of the markdown cell with the question begins ("Inline question 1").
    rubric: what a good answer says, one sentence each; for staff.
    placeholder: how the hand-out's empty answer begins.
    """

    notebook: str
    cell: str
    heading: str
    rubric: tuple[str, ...]
    placeholder: str = "**Your answer:**"


class Question(Record, frozen=True):
    """A question of the hand-out; its checks' points must add up to `points`. One that staff judge has no check."""

    id: str
    part: str
    title: str
    points: float
    files: tuple[str, ...] = ()  # submitted files it rests on
    written: Written | None = None


class Rule(enum.StrEnum):
    """What a policy asks for; see `checks.policy`."""

    FILES = "files"  # they are there, and can be read
    RUNS = "runs"  # every module can be imported
    IMPORTS = "imports"  # as handed out
    DEFINITIONS = "definitions"  # classes, functions and their parameters, as handed out
    CALLS = "calls"  # without what `forbid` lists
    GIVEN = "given"  # files that are given are handed in as they were, if at all
    OUTPUT = "output"  # nothing is printed
    EDITION = "edition"  # it is an answer to this edition of the assignment, not to one of `editions`


class Severity(enum.StrEnum):
    """What a broken rule costs."""

    REPORT = "report"  # nothing
    CAP = "cap"  # the parts keep at most a share of their points
    ZERO_FILE = "zero_file"  # all points of the questions that rest on the file
    ZERO_PART = "zero_part"  # all points of the parts


class Policy(Record, frozen=True):
    """A rule of the hand-out that is not about values: the check that judges it, and what breaking it costs."""

    check: str  # worth no points
    rule: Rule
    severity: Severity = Severity.REPORT
    files: tuple[str, ...] = ()  # that it is about; all submitted ones when empty
    parts: tuple[str, ...] = ()  # that CAP and ZERO_PART take from; all when empty
    keeps: float = 0.0  # CAP: the share of their points that the parts keep, at most
    allow: tuple[str, ...] = ()  # IMPORTS: further ones, as statements; DEFINITIONS: names that may change
    forbid: tuple[str, ...] = ()  # CALLS: dotted names, "torch.nn.LSTM" or "torch.nn.L*"
    mend: str = ""  # CALLS: what the student is to do instead
    editions: dict[str, tuple[str, ...]] = {}  # EDITION: title -> files, or "file.py:Class.function(parameter)"


class SpeedLimit(Record, frozen=True):
    """What a check of speed allows; see `checks.timing`.

    allowed: ratio: times the reference's time, at most; growth: the exponent, at most; margin: times as fast, at least.
    within: growth: times the reference's time at any size, at most.
    measured: figures of right solutions and of wrong ones, from which `allowed` was chosen; for people.
    points: of the check; its question's points are then the sum with these.
    hint: the likely cause of a slow one, for the student.
    """

    check: str
    kind: Literal["ratio", "growth", "margin"]
    allowed: float
    measured: str
    within: float = 30.0
    points: float = 0.0
    hint: str = ""


class Placement(Record, frozen=True):
    """Where a check is judged.

    device: "any" is the GPU where a run has one, and the CPU where it has none.
    without: what becomes of the points of a check that is for a GPU alone where there is none: the question's other
        checks carry them, or they wait for a run that has one.
    """

    device: Literal["cpu", "cuda", "any"] = "cpu"
    without: Literal["carry", "wait"] = "carry"


class Manifest(Record, frozen=True):
    """`reference/<assignment>/assignment.toml`, decoded. devices: check -> its place; the CPU for all others."""

    id: str
    title: str
    submitted: tuple[str, ...]  # files the student hands in, relative to the assignment's root
    given: tuple[str, ...]  # files and folders of ours, staged beside them
    parts: tuple[Part, ...]
    questions: tuple[Question, ...]
    optional: tuple[str, ...] = ()  # handed in if there, for instance saved results
    elsewhere: dict[str, tuple[str, ...]] = {}  # submitted file -> other places where it is accepted
    limits: Limits = Limits()
    notebooks: NotebookLimits = NotebookLimits()
    policies: tuple[Policy, ...] = ()
    speeds: tuple[SpeedLimit, ...] = ()
    devices: dict[str, Placement] = {}
    hidden_visibility: Visibility = Visibility.AFTER_PUBLISHED
    seed: int = 0

    @property
    def notebook_files(self) -> tuple[str, ...]:
        return tuple(name for name in (*self.submitted, *self.optional) if name.endswith(".ipynb"))


# --- submission -------------------------------------------------------------------------------------


class Member(Record, frozen=True):
    """Who handed in. name: in normal form C. number: digits, leading zeros kept."""

    name: str
    number: str

    @property
    def shown(self) -> str:
        return f"{self.name} ({self.number})"


class Submission(Record, frozen=True):
    """A staged submission: what intake found, and where it lies now."""

    name: str
    root: str  # the staged folder; only a worker ever imports from it
    hashes: dict[str, str]  # submitted file -> sha256
    missing: tuple[str, ...] = ()  # files of the manifest that were not found
    findings: tuple[str, ...] = ()  # one sentence each, for people
    problems: dict[str, str] = {}  # submitted file -> why it cannot be used (not UTF-8, syntax error …)
    altered: tuple[str, ...] = ()  # given files that were handed in with another content; ours are used
    team: tuple[Member, ...] = ()  # as students.txt says


class Identity(Record, frozen=True):
    """One person, as an export of a learning platform names them; what it does not say is "". Numbers are texts, since
    leading zeros count, and none of them stands for another: the platforms count people each in their own way."""

    name: str = ""
    email: str = ""
    sid: str = ""  # the university's number, as Gradescope and students.txt have it
    participant: str = ""  # Moodle's number of a participant in this assignment
    canvas: str = ""  # Canvas's number of a user
    team: str = ""  # the group's name, where the platform knows of no people but only that


class HandedIn(Record, frozen=True):
    """One submission of a class, before it is opened.

    id: names its folder of reports; unique in the class, the same whenever the export is read again.
    late_min: minutes after the deadline; 0 in time, None when the export says "late" and not by how much.
    superseded: ids that the platform gave to earlier attempts, which are not graded.
    problem: why there is nothing to be graded; "" when there is.
    """

    id: str
    people: tuple[Identity, ...] = ()
    handed_in_at: str = ""  # as the export has it
    late_min: float | None = 0.0
    superseded: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()  # one sentence each, for staff
    problem: str = ""


# --- worker -----------------------------------------------------------------------------------------


class Gpu(Record, frozen=True):
    """A GPU of this machine.

    name: as it was asked for, "cuda:0". model: as its driver calls it. uuid: names it to CUDA, whatever the order.
    nodes: the device files that it takes to compute there, and no more.
    """

    name: str
    model: str
    uuid: str
    nodes: tuple[str, ...]


class Returned(Record, frozen=True):
    """The call came back; `value` is plain data, numpy arrays and handles. `changed`, when it was asked
    for, lists the positions of arguments that the call changed in place."""

    value: Any
    changed: tuple[int, ...] = ()


class Raised(Record, frozen=True):
    """The student's code raised. `frames` are lines of the student's own files only."""

    type: str
    text: str
    frames: tuple[str, ...] = ()
    memory: bool = False  # an allocation failed
    gpu: bool = False  # it asks for CUDA, which this machine does not have
    signature: bool = False  # the call does not fit the function's signature
    missing: bool = False  # no such module, function or attribute
    unsendable: bool = False  # it returned what cannot be graded; `text` says what


class Died(Record, frozen=True):
    """The worker is gone, or had to be ended. `status` says which kind, `text` says it to the student."""

    status: Status
    text: str
    log: str = ""


Reply = Returned | Raised | Died


# --- written answers --------------------------------------------------------------------------------


class Flag(enum.StrEnum):
    """What a person should know of a written answer at first sight."""

    MISSING = "missing"  # the notebook, or the question in it
    EMPTY = "empty"
    UNCHANGED = "unchanged"  # the hand-out's placeholder, and no more
    SHORT = "short"
    PICTURE = "picture"  # which is not kept
    LEFT_OUT = "left_out"  # the notebook holds texts too long to be read, perhaps this one


class Answer(Record, frozen=True):
    """The answer to one question, cleaned and cut.

    fingerprint: depends on the text alone; letters only, so that no spreadsheet takes it for a number.
    """

    question: str
    text: str
    fingerprint: str
    flags: tuple[Flag, ...] = ()


class WrittenAnswers(Record, frozen=True):
    """`written.json`: what one submission answers to the questions that staff judge."""

    assignment: str
    submission: str
    digest: str
    answers: tuple[Answer, ...]


class Mark(Record, frozen=True):
    """What staff gave one answer. It holds for the answer with this fingerprint and for no other."""

    question: str
    score: float
    remark: str
    fingerprint: str


class Marks(Record, frozen=True):
    """`marks.json`: what staff gave one submission; grading the submission again leaves it in place."""

    assignment: str
    marks: tuple[Mark, ...]


# --- results ----------------------------------------------------------------------------------------


class Timing(Record, frozen=True):
    """What a check of speed measured: a figure (the median), between which bounds it lies, and what is allowed.

    points: of growth: size, seconds of the submission, seconds of the reference.
    """

    kind: str
    figure: float
    low: float
    high: float
    allowed: float
    runs: int
    points: tuple[tuple[float, float, float], ...] = ()


class CheckSpec(Record, frozen=True):
    """What a suite declares of a check."""

    id: str
    title: str
    question: str
    points: float
    visibility: Visibility
    needs: tuple[str, ...] = ()
    slow: bool = False  # an audit runs it only on the mutants that name it


class CheckResult(Record, frozen=True):
    """The outcome of one check; carries no points."""

    id: str
    status: Status
    message: str = ""  # for the student
    staff: str = ""
    cause: str = ""  # the likely one, for staff
    returned: str = ""  # fingerprint of the value that was wrong
    files: tuple[str, ...] = ()  # of a policy's check: which broke the rule
    timing: Timing | None = None
    remarks: tuple[str, ...] = ()  # what was found besides, for people; it costs nothing
    device: str = "cpu"  # where it was judged; "" when it needs a GPU and there was none
    seconds: float = 0.0
    cpu_s: float = 0.0  # spent in the student's worker


class CheckScore(Record, frozen=True):
    """`awaiting`, here and below: points that staff have still to judge, or to have judged on a GPU, which `max_score`
    does not hold. device: as in CheckResult."""

    id: str
    title: str
    question: str
    status: Status
    score: float
    max_score: float
    visibility: Visibility
    message: str
    staff: str = ""
    cause: str = ""
    returned: str = ""
    timing: Timing | None = None
    seconds: float = 0.0
    cpu_s: float = 0.0
    awaiting: float = 0.0
    device: str = "cpu"


class QuestionScore(Record, frozen=True):
    id: str
    part: str
    title: str
    score: float
    max_score: float
    status: Status
    awaiting: float = 0.0


class PartScore(Record, frozen=True):
    """cap: the score is no more than that, because a rule was broken."""

    id: str
    title: str
    score: float
    max_score: float
    awaiting: float = 0.0
    cap: float | None = None


class Scorecard(Record, frozen=True):
    """`scorecard.json`: everything that is known of one graded submission. handed: what the export of its class says
    of it; None of one that was graded alone."""

    assignment: str
    title: str
    submission: str
    digest: str
    score: float
    max_score: float
    complete: bool  # every check has a status of its own and none is UNGRADED
    parts: tuple[PartScore, ...]
    questions: tuple[QuestionScore, ...]
    checks: tuple[CheckScore, ...]
    findings: tuple[str, ...] = ()
    team: tuple[Member, ...] = ()
    handed: HandedIn | None = None
    isolation: dict[str, bool] = {}
    versions: dict[str, str] = {}
    seconds: float = 0.0
    cpu_s: float = 0.0
    awaiting: float = 0.0


# --- a class ----------------------------------------------------------------------------------------


class Row(Record, frozen=True):
    """One submission in the reports of a class.

    card: None when nothing could be graded; `problem` says why then, in one sentence for staff.
    """

    handed: HandedIn
    card: Scorecard | None
    problem: str = ""

    @property
    def people(self) -> tuple[Identity, ...]:
        """Those that the platform names; where it names none, those of students.txt. Nobody, where that is missing."""
        named = tuple(person for person in self.handed.people if person != Identity(team=person.team))
        if named or self.card is None or not self.card.team:
            return named or self.handed.people
        team = next((person.team for person in self.handed.people), "")
        return tuple(Identity(name=member.name, sid=member.number, team=team) for member in self.card.team)
