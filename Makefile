# make demo: the post's network on frames of real video files, diagnosed. make test: every test. make check: lint, types, tests.

PYTHON ?= python3
BIN := .venv/bin
DEMO := demo

.PHONY: demo test check bench bench-diagnosis

# The stamp is older than the pins whenever they change, and the environment is brought up to date.
.venv/installed: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11, 3.12 or 3.13 is needed; name one with: make PYTHON=...") if not (3, 11) <= sys.version_info < (3, 14) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	touch $@

demo: .venv/installed
	$(BIN)/python launch.py --config=configs/baseline.py --workdir=$(DEMO) --config.train.epochs=12
	$(BIN)/python launch.py --workdir=$(DEMO) --mode=diagnose

test: .venv/installed
	$(BIN)/python -m pytest

# Everything, beside its peers, or one measure: make bench MEASURE=train_step_64.
bench: .venv/installed-bench
	$(BIN)/python -m bench $(MEASURE)

# Faults planted in small runs, and what their diagnoses name; resumable. make bench-diagnosis WORLDS=test: once a release.
WORLDS ?= development
bench-diagnosis: .venv/installed
	$(BIN)/python -m bench.faults --worlds=$(WORLDS)

.venv/installed-bench: .venv/installed requirements-bench.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-bench.txt
	touch $@

check: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/python -m pytest
