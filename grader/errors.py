"""What can go wrong on our side, and the one signal that is not an error.

GraderError                 a fault of the grader, its files or this machine
├── ManifestError           assignment.toml is wrong; the text carries the path ($.questions[0].points)
├── IntakeError             a submission cannot be read; the text says what and how to mend it
├── FixtureError            a stored tensor is missing, damaged or out of step with the reference
└── WorkerError             a worker or the zygote failed for a reason that is not the student's
    └── SandboxUnavailable  this machine cannot hide the answers from the code to be graded

Verdict                     a check has reached its result; not an error, so it is not a GraderError
"""

from __future__ import annotations

from grader.records import Status


class GraderError(Exception):
    """A fault of ours; never reported as the student's, never scored."""


class ManifestError(GraderError):
    """The manifest or the suite disagrees with itself or with the schema."""


class IntakeError(GraderError):
    """A submission that cannot be staged; the text is one sentence for a person."""


class FixtureError(GraderError):
    """A stored fixture is missing, damaged or has drifted from the reference."""


class WorkerError(GraderError):
    """The zygote or a worker failed for a reason that is not the student's."""


class SandboxUnavailable(WorkerError):
    """Nothing on this machine keeps a worker from reading the answers."""


class Verdict(BaseException):
    """Ends a check with a status and its texts.

    It derives from BaseException so that nothing between the check and the plugin may catch, shrink
    or replay it: hypothesis would otherwise repeat a call that hung for ten seconds.

    status: any Status.
    text: for the student when the check is visible; may compare with expected values.
    hidden_text: for the student when the check is hidden: diagnosis without any expected number.
    staff: for staff only: details, worker log.
    cause, returned: for staff, who see all submissions side by side: the likely cause, and the fingerprint of the
        value that was wrong (`checks.fingerprint`).
    files: of a policy's check, which files broke the rule.
    """

    def __init__(
        self,
        status: Status,
        text: str,
        *,
        hidden_text: str | None = None,
        staff: str = "",
        cause: str = "",
        returned: str = "",
        files: tuple[str, ...] = (),
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.hidden_text = text if hidden_text is None else hidden_text
        self.staff = staff
        self.cause = cause
        self.returned = returned
        self.files = files


class NeedsGpu(Verdict):
    """The submission asks for CUDA, and this machine has none."""


class NoGpu(Verdict):
    """The check itself takes a GPU, and the run has none: it says nothing about the submission."""
