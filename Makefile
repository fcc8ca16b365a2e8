# Everything works from a fresh clone: each target makes the virtual environment it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
PYTEST := $(BIN)/pytest -n logical --maxprocesses 4
unexport PYTHONDONTWRITEBYTECODE # the tests start orch hundreds of times: what is compiled is kept

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "orch needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

install: $(VENV)/.installed ## the virtual environment, with orch in it

demo: install ## fetch the default model (98 MB, once) and answer real support tickets with it
	@$(BIN)/orch models pull smollm2-135m
	$(BIN)/orch run examples/01-support-desk/workflow.yaml

test: install ## the whole test suite
	@$(BIN)/orch models pull smollm2-135m
	$(PYTEST)

full: install ## the suite with everything that is sampled otherwise
	@$(BIN)/orch models pull smollm2-135m
	$(PYTEST) --full

check: install ## lint, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

pictures: install ## take the pictures of the screen anew, after its looks were changed on purpose
	$(BIN)/python -m tests.tui.renew

bench: install ## the figures, on this machine
	$(BIN)/python -m benchmarks

bench-peers: install ## the environment of the orchestrators that are measured beside orch
	$(BIN)/python -m benchmarks.peers.environment

chaos: install ## kill random workflows at random moments, a thousand of them, and count what is lost
	$(BIN)/python -m tests.chaos
	$(BIN)/python -m tests.chaos --wall 30
	$(BIN)/python -m tests.chaos --cancel 100
	$(BIN)/python -m tests.chaos --cancel 40 --embedded
	$(BIN)/pytest --full -q tests/engine/test_kill.py tests/chaos/test_beside.py tests/chaos/test_damage.py

.PHONY: help install demo test full check pictures bench bench-peers chaos
