# Two commands for a newcomer: `make run` starts the console, `make test` proves it. Both need python3 and make only.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help run test lint audit faults bench vendor clean

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: $(VENV)/.installed ## start the console (PORT=8000); with the sandbox while nothing is set up
	@$(BIN)/flask db upgrade
	@exec $(BIN)/flask serve --port $(PORT) --sandbox-if-new

test: $(VENV)/.installed-dev ## lint, types and every test but `faults` and `bench`
	@sh .ci/browser
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not bench and not faults"

lint: $(VENV)/.installed-dev ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2

audit: $(VENV)/.installed-dev ## known weaknesses of what we stand on (needs the network)
	@$(PIP) pip-audit
	$(BIN)/pip-audit --requirement constraints.txt --requirement requirements.txt --disable-pip --no-deps

faults: $(VENV)/.installed-dev ## kill processes, cut networks, every page in every look, more on PostgreSQL: up to an hour
	@sh .ci/browser
	$(BIN)/python -m pytest -n 2 --dist worksteal -m faults --ignore=tests/faults
	$(BIN)/python -m pytest -m faults tests/faults

bench: $(VENV)/.installed-dev ## measure: minutes
	$(BIN)/python -m tests.bench

vendor: $(VENV)/.installed ## copy the browser files of package.json to static/vendor (needs npm)
	npm install --ignore-scripts --no-audit --no-fund
	$(BIN)/python docs/vendor.py

clean: ## remove what can be made again; the database in instance/ stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed: requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Installing into $(VENV), once ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	@echo "Installing what the tests need, once ..."
	@$(PIP) -r requirements-dev.txt
	@touch $@
