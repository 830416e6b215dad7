# make demo           installs, draws the built-in data set, trains, validates, and writes masks and a picture
# make test           installs if needed and runs the tests
# make test-fast      runs the tests to use while you work, in less than a minute: all but those marked slow
# make test-faults    runs the fault suite with all its trials, in less than ten minutes
# make mutants        plants 381 small faults, one at a time, and lists those that no test notices, in one to two hours
# make lint           checks format and style
# make setup          installs the packages of requirements.txt into .venv, and keeps a torch that is there already

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: demo test test-fast test-faults mutants lint setup setup-dev

demo: setup
	$(RUN) train.py --config configs/demo.yaml --fresh
	$(RUN) val.py --run outputs/demo

test: setup-dev
	$(RUN) -m pytest

test-fast: setup-dev
	$(RUN) -m pytest -m "not slow"

test-faults: setup-dev
	FAULTS=full $(RUN) -m pytest tests/faults

mutants: setup-dev
	$(RUN) -m pip install -q -r requirements-formats.txt
	OMP_NUM_THREADS=1 nice $(RUN) -m benchmarks.mutants

lint: setup-dev
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

setup: $(VENV)/.installed

setup-dev: $(VENV)/.installed-dev

$(RUN):
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt | $(RUN)
	$(RUN) -m pip install --quiet -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(RUN) -m pip install --quiet -r requirements-dev.txt
	touch $@
