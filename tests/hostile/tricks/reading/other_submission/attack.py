# reads another student's submission where it was handed in; secret failed; landlock, uid
import importlib.util
import subprocess
from pathlib import Path

from known import *


def secret(x):
    for name in ("attack.py", "honest.py", "../other/attack.py", "../other.zip"):
        with forbidden():
            Path(f"{OTHER}/{name}").read_text()
        with forbidden():
            Path(os.path.relpath(f"{OTHER}/{name}")).read_text()
    with forbidden():
        os.listdir(os.path.dirname(OTHER))
    with forbidden():
        Path(f"{os.path.dirname(REPORTS)}/other/scorecard.json").read_text()
    with forbidden(subprocess.SubprocessError):
        subprocess.run(["cp", "-r", OTHER, f"{SCRATCH}/{MARK}-stolen"], check=True, stderr=subprocess.DEVNULL)
    with contextlib.suppress(OSError):
        spec = importlib.util.spec_from_file_location("stolen", f"{OTHER}/attack.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.secret(x)
    return x
