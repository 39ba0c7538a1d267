# `make study` runs the main job and `make test` the tests. Both first make a virtual environment from the lock.
SHELL := /bin/bash
VENV ?= .venv
FITS := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
# A name may exist and yet not run (a pyenv shim), so each is tried.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
  "$$p" -c '$(FITS)' 2>/dev/null && { echo "$$p"; break; }; done)
PIP = $(VENV)/bin/python -m pip -qq --disable-pip-version-check --no-input

.PHONY: study test lint lock bench
.DELETE_ON_ERROR:

study: $(VENV)/ready
	$(VENV)/bin/python -m pmjax.launch $(ARGS)

test: $(VENV)/ready
	$(VENV)/bin/python -m pytest --numprocesses=2 --dist=loadfile $(ARGS)

lint: $(VENV)/ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

# Everything that benchmarks/ measures, against the peers that are installed: pip install '.[bench]'.
BENCHMARKS = study start survival scale input
bench: $(VENV)/ready
	$(VENV)/bin/python -m benchmarks.table_ix $(ARGS) \
	  $$($(VENV)/bin/python -c 'import importlib.util as u; print("--vs torch" if u.find_spec("torch") else "")')
	set -e; for name in $(BENCHMARKS); do $(VENV)/bin/python -m benchmarks.$$name $(ARGS); done
	$(VENV)/bin/python -m benchmarks.readme

# For maintainers, with uv: the newest of everything that the bounds in pyproject.toml allow.
lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
	  --generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements.lock

# A new lock makes a new environment, so that nothing is left in it that the lock does not name.
$(VENV)/locked: requirements.lock
	@"$(PYTHON)" -c '$(FITS)' 2>/dev/null || \
	  { echo "pmjax needs Python 3.11, 3.12 or 3.13 with venv and pip; name one by PYTHON=..." >&2; exit 1; }
	@echo "Making $(VENV) for $$("$(PYTHON)" --version), once; this takes a minute or two."
	@"$(PYTHON)" -m venv --clear $(VENV)
	@$(PIP) install --require-hashes --requirement requirements.lock
	@touch $@

$(VENV)/ready: $(VENV)/locked pyproject.toml
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
