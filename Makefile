# Everything from a fresh machine: make demo, make test. See README.md.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# The first of these that is 3.11, 3.12 or 3.13; name another with make PYTHON=...
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo "$$p"; break; }; done)
# An installation is valid for these files and this Python; anything else installs anew.
KEY := $(shell { cat pyproject.toml setup.py constraints.txt; "$(PYTHON)" --version; } 2>/dev/null | cksum | cut -d' ' -f1)
CORE := $(VENV)/.core-$(KEY)
FULL := $(VENV)/.full-$(KEY)
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip --disable-pip-version-check --no-input install -q -c constraints.txt
# Two tests at a time; PYTEST_JOBS=0 runs them in one process.
PYTEST_JOBS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(PYTEST_JOBS) --dist worksteal
export PYTHONNOUSERSITE := 1
# Containers often set it: then every process, and each of 250 simulators, would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help demo test test-quick test-slow lint mypy format bench constraints check-tools clean distclean

help:  ## this list; times are of two idle cores, after the first has set up .venv (two minutes)
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' Makefile | column -t -s "$$(printf '\t')"

demo: $(CORE)  ## the committed model through generate, simulate, compare: build/demo/report.json (90 s; MODEL=package)
	$(BIN)/spikewright demo $(MODEL)

# CXX: what builds a simulator all the same fails.
test-quick: $(FULL)  ## no simulator is built (90 s)
	CXX=false $(PYTEST) -m "not slow and not simulator and not trains and not whole" $(PYTEST_ARGS)

test: $(FULL)  ## all tests but the slow ones (13 min; PYTEST_ARGS=... for pytest)
	$(PYTEST) -m "not slow" $(PYTEST_ARGS)

test-slow: $(FULL)  ## the minutes-long tests too, networks of published sizes among them (an hour and a half; needs Chromium)
	$(PIP) --no-build-isolation -e '.[browser]'
	$(PYTEST) $(PYTEST_ARGS)

lint: $(FULL) mypy  ## ruff, and mypy --strict over every room (1 min)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

mypy: $(FULL)
	$(BIN)/mypy --strict -p spikewright

format: $(FULL)  ## let ruff lay out the code
	$(BIN)/ruff check --select I --fix .
	$(BIN)/ruff format .

bench: $(FULL)  ## the figures of docs/results.md, each by its command (5 min; hours with BENCH_ARGS=all)
	$(BIN)/python benchmarks/run.py $(BENCH_ARGS)

constraints: $(FULL)  ## pin what is installed now
	@{ sed '/^[^#]/d' constraints.txt; { $(BIN)/python -m pip freeze --exclude-editable; \
		$(BIN)/python -m pip list --format=freeze | grep '^setuptools=='; } | sed 's/+cpu$$//' | LC_ALL=C sort -f -u; } \
		> constraints.new && mv constraints.new constraints.txt

check-tools:
	@fail() { echo "spikewright: $$1" >&2; exit 1; }; \
	for room in spikewright/*; do test -d "$$room" -o "$$room" != "$${room%.py}" -o "$$room" = spikewright/py.typed || \
		fail "$$room must be a link to the folder $${room#*/}/, but this copy of the source has no symbolic links: clone it with 'git clone -c core.symlinks=true', not from a .zip archive."; done; \
	test -n "$(PYTHON)" || fail "no Python 3.11, 3.12 or 3.13 on PATH: install one (Debian, Ubuntu: 'apt install python3 python3-venv')."; \
	"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
		|| fail "$(PYTHON) is not Python 3.11, 3.12 or 3.13: name one with make PYTHON=..."; \
	"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null \
		|| fail "$(PYTHON) cannot make virtual environments: install its venv module (Debian, Ubuntu: 'apt install python3-venv')."; \
	command -v "$${CXX:-g++}" >/dev/null || command -v c++ >/dev/null || command -v clang++ >/dev/null \
		|| fail "no C++ compiler on PATH: install one that knows C++20 (Debian, Ubuntu: 'apt install g++')."; \
	command -v perl >/dev/null \
		|| fail "no perl on PATH: install it, the simulator's front end is written in it (Debian, Ubuntu: 'apt install perl')."

# pip and setuptools first, at their pinned versions; then nothing is built with anything else.
$(CORE):
	@$(MAKE) --no-print-directory check-tools
	@echo "Setting up $(VENV) (once; about two minutes and 2 GB) ..."
	@rm -f $(VENV)/.core-* $(VENV)/.full-*
	@version='import sys; print(sys.version_info[:2])'; \
	test "$$($(BIN)/python -c "$$version" 2>&1)" = "$$($(PYTHON) -c "$$version")" || rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(PIP) setuptools
	$(PIP) --no-build-isolation -e .
	@$(BIN)/python -c 'import sys, find_libpython; sys.exit(None if find_libpython.find_libpython() else \
		"spikewright: the simulator needs the shared library of Python: install it (Debian, Ubuntu: apt install libpython3-dev).")'
	@touch $@

$(FULL): $(CORE)
	@echo "Adding the tools of tests, lint and synthesis ..."
	$(PIP) --no-build-isolation -e '.[dev,synth]'
	@touch $@

clean:  ## remove what was built, keep the installation
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean  ## remove the installation too
	rm -rf $(VENV) *.egg-info
