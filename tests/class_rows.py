"""Made-up classes: rows of a plausible course for the tests of its reports, the same ones for the same seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from grader.records import (
    CheckResult,
    CheckSpec,
    HandedIn,
    Identity,
    Manifest,
    Mark,
    Member,
    Part,
    Question,
    Row,
    Status,
    Submission,
    Visibility,
    Written,
)
from grader.scoring import score, with_marks

GIVEN = (
    "Ada", "Björn", "Chiara", "Dmitri", "Élise", "Farid", "Grace", "Hana", "Iñigo", "Jun", "Kwame", "Leïla", "Mei",
    "Noor", "Oğuz", "Priya", "Quentin", "Rosa", "Søren", "Thảo", "Uri", "Vera", "Wanjiru", "Ximena", "Yusuf", "Zoë",
)  # fmt: skip
FAMILY = (
    "Adler", "Brandt", "Cohen", "D'Souza", "Eriksen", "Fontaine", "Gupta", "Hashimoto", "Ivanova", "Jansen", "Kim",
    "Lindqvist", "Müller", "Nakamura", "O'Brien", "Petrov", "Quispe", "Rossi", "Santos", "Tanaka", "Ünal", "Varga",
    "Weiss", "Xu", "Yılmaz", "Zhang",
)  # fmt: skip

# part, question, title, points, checks; difficulty grows along each part.
QUESTIONS = (
    ("p1", "rnn", "Vanilla RNN, forward and backward", 6, ("step", "forward", "backward", "module")),
    ("p1", "embedding", "Word embedding and temporal softmax", 4, ("lookup", "loss", "ranges")),
    ("p1", "lstm", "LSTM", 6, ("step", "forward", "gates")),
    ("p1", "attention", "LSTM with attention", 9, ("weights", "context", "step", "forward")),
    ("p2", "tokens", "Tokens", 3, ("dictionary", "preprocess")),
    ("p2", "dot_product", "Scaled dot product attention", 6, ("loops", "batched", "weights")),
    ("p2", "multihead", "Self attention and multi-head attention", 8, ("self", "heads", "bounds")),
    ("p2", "masks", "Masks", 4, ("subsequent", "masked")),
    ("p2", "transformer", "The whole transformer", 4, ("shape", "causal", "overfit")),
    ("p3", "similarity", "Cosine similarity", 7, ("pair", "matrix")),
    ("p3", "loss", "Contrastive loss without loops", 10, ("positive", "loss", "random")),
    ("p3", "augmentation", "Random views of images", 6, ("transform", "pairs")),
    ("p4", "zero_shot", "Zero-shot classification", 8, ("similarity", "labels")),
    ("p4", "retriever", "Image retrieval", 8, ("ranking", "ties")),
    ("p4", "segmentation", "Segmentation of a video", 7, ("blobs", "frames")),
)
PARTS = {"p1": "Recurrent captioning", "p2": "Transformers", "p3": "Contrastive learning", "p4": "Vision and language"}
ESSAYS = (("essay_1", "Size of a batch"), ("essay_2", "More than two modalities"))  # 2 points each, staff judge them

# check -> (cause, fingerprint) of mistakes that many make, the commoner ones first
MISTAKES = {
    "p1.attention.weights": (
        ("Your values sum to one over h (axis 1), but should over w (axis 2): another axis for softmax?", "5ad31c"),
        ("", "77e0b1"),
    ),
    "p1.attention.context": (("The numbers are right once h (axis 1) and w (axis 2) are swapped.", "c01d5e"),),
    "p1.lstm.gates": (("The 4 blocks along h (axis 1) are right, but in another order: gates o and g?", "0b5e55"),),
    "p1.rnn.backward": (("Along t (axis 1) everything comes one step too late.", "1a7e00"),),
    "p2.dot_product.batched": (
        ("The result is the right one times sqrt(D): is a division by sqrt(D) missing?", "d1c3d0"),
    ),
    "p2.masks.subsequent": (("The result is the logical opposite of the right one.", "0ff0ff"),),
    "p3.loss.loss": (("The values are the right ones times N (a sum where a mean is wanted?).", "2e2e2e"),),
    "p3.similarity.matrix": (("", "abba77"),),
}
MESSAGES = {
    Status.FAILED: "is wrong: 12 of 24 entries differ, the largest by 0.5.",
    Status.NOT_IMPLEMENTED: "is not implemented yet.",
    Status.RAISED: "raised RuntimeError: mat1 and mat2 shapes cannot be multiplied (8x16 and 8x16)",
    Status.TIMED_OUT: "did not end within 10 s.",
    Status.OUT_OF_MEMORY: "needed more than 2048 MiB.",
}


def class_manifest() -> Manifest:
    """Four parts of tested questions, and a fifth with two that staff judge."""
    place = Written(notebook="notes.ipynb", cell="c", heading="Why", rubric=("A cause.",))
    questions = [Question(id=id_, part=part, title=title, points=points) for part, id_, title, points, _ in QUESTIONS]
    questions += [Question(id=id_, part="p5", title=title, points=2, written=place) for id_, title in ESSAYS]
    titles = PARTS | {"p5": "Written answers"}
    return Manifest(
        id="a9", title="Assignment 9: Sequences and pictures", submitted=("solution.py",), given=(),
        questions=tuple(questions),
        parts=tuple(
            Part(id=part, title=title, points=sum(q.points for q in questions if q.part == part))
            for part, title in titles.items()
        ),
    )  # fmt: skip


def class_specs() -> list[CheckSpec]:
    """The suite: every second check has a hidden companion that builds on it."""
    specs = []
    for part, question, _title, points, names in QUESTIONS:
        for at, name in enumerate(names):
            id_, share = f"{part}.{question}.{name}", points / len(names)
            text = f"{question} · {name}"
            hidden = at % 2 == 0
            own = share / 2 if hidden else share
            specs.append(CheckSpec(
                id=id_, title=f"{text} is right", question=question, points=own, visibility=Visibility.VISIBLE,
            ))  # fmt: skip
            if hidden:
                specs.append(CheckSpec(
                    id=f"{id_}.sizes", title=f"{text} is right for other sizes", question=question, points=own,
                    visibility=Visibility.AFTER_PUBLISHED, needs=(id_,),
                ))  # fmt: skip
    return specs


def class_rows(count: int, *, seed: int = 0) -> Iterator[Row]:
    """So many submissions, made one by one. Of about 200 one cannot be read, one or two are incomplete, a handful are
    late, a few are copies; a fifth is handed in by two people."""
    manifest, specs, random_ = class_manifest(), class_specs(), random.Random(seed)
    previous: Row | None = None
    for at in range(count):
        row = _row(at, manifest, specs, random_)
        if previous and previous.card and row.card and random_.random() < 0.01:  # a copy, under other names
            row = Row(handed=row.handed, card=previous.card)
        previous = row
        yield row


def _row(at: int, manifest: Manifest, specs: list[CheckSpec], random_: random.Random) -> Row:
    id_ = f"submission_{40_000 + 7 * at}"
    people = tuple(_person(random_) for _ in range(2 if random_.random() < 0.2 else 1))
    late = random_.choice((3.0, 47.0, 130.0, 2900.0, None)) if random_.random() < 0.06 else 0.0
    handed = HandedIn(id=id_, people=people, handed_in_at="2026-10-14 21:05:00 UTC", late_min=late)
    if random_.random() < 0.006:
        return Row(handed=handed, card=None, problem="submission.zip is damaged: its list of files cannot be read.")
    seconds = random_.lognormvariate(3.6, 0.35)
    results = _results(specs, random_)
    card = score(
        manifest, specs, results,
        submission=Submission(
            name=id_, root="", hashes={"solution.py": f"{random_.getrandbits(128):032x}"},
            findings=("solution.py lay in the folder `final`.",) if random_.random() < 0.1 else (),
            team=tuple(Member(name=person.name, number=person.sid) for person in people),
        ),
        isolation={"landlock": True}, versions={"python": "3.11"}, seconds=seconds,
    )  # fmt: skip
    marks = [
        Mark(question=question, score=random_.choice((0.5, 1, 1.5, 2)), remark="", fingerprint="f")
        for question, _title in ESSAYS
        if random_.random() < 0.7
    ]
    return Row(handed=handed, card=with_marks(card, marks))


def _person(random_: random.Random) -> Identity:
    given, family, number = random_.choice(GIVEN), random_.choice(FAMILY), random_.randrange(10**6)
    return Identity(name=f"{given} {family}", email=f"s{number:06d}@university.example", sid=f"{number:09d}")


def _results(specs: list[CheckSpec], random_: random.Random) -> list[CheckResult]:
    ability = random_.gauss(2.2, 1.3)
    broken = random_.random() < 0.015  # the machine's fault, in one check
    lost = random_.choice(specs).id if broken else ""
    results: dict[str, CheckResult] = {}
    hardness = {question: 1.1 * math.sin(at * 1.7) for at, (_part, question, *_rest) in enumerate(QUESTIONS)}
    for spec in specs:
        if spec.id == lost:
            found = CheckResult(id=spec.id, status=Status.UNGRADED, message="The worker could not be started.")
        elif any(results[need].status is not Status.PASSED for need in spec.needs):
            text = f"not judged, because it builds on {spec.needs[0]}, which did not pass"
            found = CheckResult(id=spec.id, status=Status.SKIPPED, message=text)
        elif random_.random() < 1 / (1 + math.exp(hardness[spec.question] - ability - bool(spec.needs) * 2)):
            found = CheckResult(id=spec.id, status=Status.PASSED, seconds=random_.expovariate(4))
        else:
            found = _failure(spec, random_)
        results[spec.id] = found
    return list(results.values())


def _failure(spec: CheckSpec, random_: random.Random) -> CheckResult:
    common = MISTAKES.get(spec.id, ())
    for cause, returned in common:
        if random_.random() < 0.4:
            text = f"{spec.title.removesuffix(' is right')} is wrong: 12 of 24 entries differ. {cause}"
            return CheckResult(
                id=spec.id, status=Status.FAILED, message=text, cause=cause, returned=returned, staff="case 3"
            )
    statuses = (Status.FAILED, Status.NOT_IMPLEMENTED, Status.RAISED, Status.TIMED_OUT, Status.OUT_OF_MEMORY)
    [status] = random_.choices(statuses, (50, 25, 20, 4, 1))
    returned = f"{random_.getrandbits(48):012x}" if status is Status.FAILED else ""
    return CheckResult(
        id=spec.id, status=status, message=f"The result {MESSAGES[status]}", returned=returned, staff="case 1",
        seconds=10.0 if status is Status.TIMED_OUT else 0.2,
    )  # fmt: skip
