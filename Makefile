# Python 3.11 or newer and make are all that is needed; everything else comes into .venv.
PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete

.DEFAULT_GOAL := help
.PHONY: help venv demo test check format
.DELETE_ON_ERROR:

help: ## Say what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

venv: $(STAMP) ## Make .venv with everything for development

# Made again when what is to be installed changes. The output goes to stderr: stdout belongs to `demo --json`.
$(STAMP): pyproject.toml requirements-dev.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Python 3.11 or newer is needed. Name one: make PYTHON=python3.12 …' >&2; exit 1; }
	@echo 'Installing into $(VENV) …' >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--requirement requirements-dev.txt --constraint constraints.txt >&2
	@touch $@

demo: $(STAMP) ## Run a gateway with a simulated connection service; ARGS='--port 0 --json'
	@exec $(BIN)/fivapp-whatsapp demo $(ARGS)

# A process a core; the tests of one file stay together, for they share servers.
test: $(STAMP) ## Run all tests; ARGS go to pytest
	@exec $(BIN)/python -m pytest --numprocesses auto --dist loadfile $(ARGS)

check: $(STAMP) ## Format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(STAMP) ## Put the code in its format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
