import contextlib
import sys

with contextlib.suppress(Exception):
    import attack

    box = sys.modules["grader.worker.box"]
    attack.secret = lambda x: x * 5
    sys.modules["test_p1_secrets"] = attack
    box.seed_everything = lambda seed: None


def honest(x):
    return 3 * x
