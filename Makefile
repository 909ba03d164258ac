# Two commands: `make demo` and `make test`. Each sets up what it needs: a virtual environment from the exact lock.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The first Python of 3.11 or newer that runs (a pyenv shim may stand in PATH and not run); PYTHON=... overrides.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
SOURCES := dualtrack pipeline schemas sinks checks predictions registry publishers stories tests benchmarks .ci

.PHONY: help setup demo test audit chaos check format lock schemas guarantees docs clean

help: ## what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

setup: $(READY) ## the virtual environment, from requirements.lock with hashes

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed; install it, or say make PYTHON=/path/to/python3"; exit 1; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version) (once, about a minute)"
	@$(PYTHON) -m venv $(VENV) || { echo "error: '$(PYTHON) -m venv' failed; on Debian: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY) ## the whole path of an event on this machine, in a minute
	@$(BIN)/dualtrack demo

test: check ## all checks, then all tests
	$(BIN)/python -m pytest

chaos: $(READY) ## kills at random moments for MINUTES=30 on a real Kafka, then the ledger; SEED=... replays a run
	$(BIN)/python -m tests.faults.chaos --minutes $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED))

audit: $(READY) ## known vulnerabilities in requirements.lock; REQUIRE=1 fails where no source of advisories is reached
	$(BIN)/python .ci/audit.py $(if $(REQUIRE),--require)

check: $(READY) ## format, lint, types, import contracts; changes nothing
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/dualtrack schema export --check

format: $(READY) ## mend what ruff can mend
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

schemas: $(READY) ## write schemas/json anew
	$(BIN)/dualtrack schema export

guarantees: $(READY) ## write docs/guarantees.md anew
	$(BIN)/python -m tests.guarantees.report

docs: $(READY) ## write the outputs of the commands in docs/ anew
	$(BIN)/python -m tests.docs.update

lock: ## resolve requirements.lock anew (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --group dev --custom-compile-command "make lock" pyproject.toml -o requirements.lock

clean: ## remove the virtual environment and caches; data under var/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
