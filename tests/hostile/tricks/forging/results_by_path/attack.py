# writes its results where the grader will put them; secret failed; landlock, uid
import json

from known import *

CARD = {"score": 7.0, "max_score": 7.0, "complete": True, "tests": [{"name": "all", "score": 7.0, "status": "passed"}]}


def secret(x):
    for name in ("results.json", "scorecard.json", "journal.jsonl", "report.html", "scores.csv", f"{MARK}.json"):
        path = f"{REPORTS}/{name}"
        for flags in (os.O_WRONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_TRUNC):
            with forbidden():
                os.write(os.open(path, flags), json.dumps(CARD).encode())
        with forbidden():
            os.truncate(path, 0)
        with forbidden():
            os.unlink(path)
        with forbidden():
            os.symlink("/dev/null", path)
        with forbidden():
            os.mkdir(path)
        with forbidden():
            os.rename("attack.py", path)
    with forbidden():
        os.rename(REPORTS, f"{REPORTS}-{MARK}")
    for folder in ("/autograder/results", "/autograder", "results", "."):
        with forbidden():
            os.open(f"{folder}/{MARK}-results.json", os.O_WRONLY | os.O_CREAT)
    return x
