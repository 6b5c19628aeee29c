# `make demo` shows everything; `make test` runs every test. Both install what they need.

SHELL := bash
# Modules are installed uncompiled: the first run compiles those it needs, the next ones find them.
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

GATES := lock format lint types imports migrations prompts docs

.DEFAULT_GOAL := help
.PHONY: help venv demo up test relock pages fix gates $(GATES)

help:  ## What there is to make.
	@grep -hE '^[a-z ]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

# Exactly what the lock says, hashes included. What is never imported need not be compiled: 30 s.
$(VENV)/complete: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Limbeck needs Python 3.11 or later: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -qq --disable-pip-version-check --no-compile --require-hashes -r requirements-dev.lock
	$(BIN)/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

venv: $(VENV)/complete  ## The virtual environment.

demo: venv  ## Everything once, where it can be watched, with a real teacher.
	@$(BIN)/limbeck demo

up: venv  ## Everything, until Ctrl-C.
	@$(BIN)/limbeck up

test: venv  ## Every test, the ones with a real teacher included.
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup

gates: $(GATES)  ## Everything else that a change must pass.

# Resolving again, with the locks as preferences, must change nothing. Hashes are pip's business:
# a release may gain a wheel, and then has one hash more.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make relock" pyproject.toml

lock: venv
	@mkdir -p build/lock && cp requirements.lock requirements-dev.lock build/lock/
	@$(COMPILE) -o build/lock/requirements.lock > /dev/null
	@$(COMPILE) --group dev -c requirements.lock -o build/lock/requirements-dev.lock > /dev/null
	@for lock in requirements.lock requirements-dev.lock; do \
		diff -u <(grep -v -e --hash $$lock) <(grep -v -e --hash build/lock/$$lock) \
			|| { echo "$$lock does not follow pyproject.toml: make relock"; exit 1; }; \
	done

relock: venv  ## Lock the dependencies again; add UPGRADE=--upgrade for newer ones.
	$(COMPILE) $(UPGRADE) -o requirements.lock > /dev/null
	$(COMPILE) $(UPGRADE) --group dev -c requirements.lock -o requirements-dev.lock > /dev/null

format: venv
	$(BIN)/ruff format --check .

lint: venv
	$(BIN)/ruff check .

types: venv
	$(BIN)/mypy

imports: venv
	$(BIN)/lint-imports

migrations: venv
	$(BIN)/pytest -q tests/test_migrations.py

prompts: venv
	$(BIN)/limbeck prompts check prompts

docs: venv
	$(BIN)/pytest -q tests/docs

pages: venv  ## Write the parts of docs/ that follow from the code.
	$(BIN)/python -m scripts.write_docs

fix: venv  ## Let ruff repair what it can.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
