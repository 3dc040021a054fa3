# hands in configuration and plugins for pytest and Python, which make every test pass; secret failed; intake, process
from pathlib import Path

PLUGIN = """\
import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    return True


@pytest.fixture
def student():
    return None
"""
SETTINGS = "[{}]\naddopts = -p attack -p conftest -k nothing --collect-only\npython_files = attack.py\n"
FILES = {
    "conftest.py": PLUGIN,
    "nested/conftest.py": PLUGIN,
    "pytest_plugin.py": PLUGIN,
    "test_p1_secrets.py": PLUGIN,
    "pytest.ini": SETTINGS.format("pytest"),
    ".pytest.ini": SETTINGS.format("pytest"),
    "tox.ini": SETTINGS.format("pytest"),
    "setup.cfg": SETTINGS.format("tool:pytest"),
    "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-p conftest'\n",
    "sitecustomize.py": "import os\nos._exit(0)\n",
    "usercustomize.py": "import os\nos._exit(0)\n",
    "attack.pth": "import os; os._exit(0)\n",
    "python311._pth": "import site\n",
    "pyvenv.cfg": "home = .\n",
    ".env": "PYTEST_ADDOPTS=--collect-only\n",
    "assignment.toml": 'id = "vault"\n',
}


def make(submission: Path, place: Path) -> Path:
    for name, text in FILES.items():
        (submission / name).parent.mkdir(exist_ok=True)
        (submission / name).write_text(text)
    return submission
