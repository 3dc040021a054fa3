# CI and people run the same recipes. `make demo` and `make test` set everything up by themselves.
PYTHON ?= python3
BIN := .venv/bin

BROWSERS := chromium chromium-browser google-chrome

.PHONY: setup demo test audit check bench bench-batch bench-timing hostile fuzz browser

setup: .venv/installed

.venv/installed: setup.cfg constraints.txt
	$(PYTHON) -c "import sys; sys.exit('torchgrade needs Python 3.11 or newer') if sys.version_info < (3, 11) else 0"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	$(BIN)/python grade.py demo a2

# The tests of the pages for staff drive a real browser, which no Python package ships.
browser:
	@for name in $(BROWSERS); do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null; \
	else \
		echo "The tests need Chromium: install it (Debian: sudo apt-get install chromium) and run make again." >&2; exit 1; \
	fi

# The audits, which take the longest, run beside the other tests, and files of small tests come last, so that no process
# is left alone with a large one; the hostile submissions, which look at the whole machine before and after, run alone.
test: setup check browser
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --durations 20 \
		tests/e2e/test_suites_sound.py tests/e2e tests/unit tests/meta
	$(BIN)/python -m pytest tests/hostile

# Every mutant of every assignment, where `make test` takes as many as it needs.
audit: setup
	for assignment in $(notdir $(patsubst %/,%,$(dir $(wildcard reference/*/assignment.toml)))); do \
		$(BIN)/python grade.py audit $$assignment || exit 1; \
	done

check: setup
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python benchmarks/run.py

# What it costs to grade a class; with LARGE=--large also one of 10,000, about an hour more.
bench-batch: setup
	$(BIN)/python benchmarks/batch.py $(LARGE)

# How steady the checks of speed are, first with nothing else to do and then under load; writes docs/timing.md.
bench-timing: setup
	$(BIN)/python benchmarks/timing.py --runs $(or $(RUNS),50)
	$(BIN)/python benchmarks/timing.py --runs $(or $(RUNS),50) --load

# Every trick in every environment that can be made here, and two hundred kills; writes docs/hostile.md.
hostile: setup
	rm -rf build/hostile
	$(BIN)/python -m pytest tests/hostile --everywhere
	$(BIN)/python -m pytest tests/e2e/test_kills.py tests/e2e/test_batch_resume.py --kills 25
	$(BIN)/python tests/hostile/matrix.py

fuzz: setup
	$(BIN)/python tests/hostile/fuzz_frames.py 200000
