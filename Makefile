# CI and people run the same recipes. `make demo` and `make test` set everything up by themselves.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test check bench hostile fuzz

setup: .venv/installed

.venv/installed: setup.cfg constraints.txt
	$(PYTHON) -c "import sys; sys.exit('torchgrade needs Python 3.11 or newer') if sys.version_info < (3, 11) else 0"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	$(BIN)/python grade.py demo a2

test: setup check
	$(BIN)/python -m pytest

check: setup
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python benchmarks/run.py

# Every trick in every environment that can be made here, and a hundred kills; writes docs/hostile.md.
hostile: setup
	rm -rf build/hostile
	$(BIN)/python -m pytest tests/hostile --everywhere
	$(BIN)/python -m pytest tests/e2e/test_kills.py --kills 25
	$(BIN)/python tests/hostile/matrix.py

fuzz: setup
	$(BIN)/python tests/hostile/fuzz_frames.py 200000
