# Every target that needs the environment makes it first, so `make <target>` is enough after a clone.

PYTHON ?= python3
UV_VERSION := 0.13.8
UV := $(or $(shell command -v uv),.uv/$(UV_VERSION)/bin/uv)
BIN := .venv/bin
# The full path, because uv would take a bare name as a request to find some Python.
FULL_PYTHON = "$$($(PYTHON) -c 'import sys; print(sys.executable)')"

# A value inherited from the shell must not move the environment away from .venv.
export UV_PROJECT_ENVIRONMENT := .venv

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help setup demo test check format bench faults docs lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.ready ## Make the environment in .venv

demo: .venv/.ready ## Run the demonstration fleet
	$(BIN)/allot demo

test: .venv/.ready ## Run the tests, with real workers and brokers
	scripts/install-brokers
	$(BIN)/pytest

check: .venv/.ready ## Check format, lint, types, layers and news fragments
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/mypy tests/typing
	$(BIN)/basedpyright tests/typing
	$(BIN)/lint-imports --no-logo
	$(BIN)/towncrier build --draft --version next

format: .venv/.ready ## Format the code and apply the safe lint fixes
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

bench: .venv/.ready ## Run the benchmarks
	$(BIN)/python -m benchmarks

faults: .venv/.ready ## Break fleets on purpose: the fault matrix, or SOAK=10 minutes of faults from SEED=7
	scripts/install-brokers
	$(BIN)/allot faults $(if $(SOAK),--soak $(SOAK)m,) $(if $(SEED),--seed $(SEED),) $(foreach name,$(BROKER),--broker $(name)) $(FAULTS)

docs: .venv/.ready ## Build the pages into site/
	$(BIN)/python scripts/write-docs --check
	$(UV) run --locked --isolated --only-group docs --python $(BIN)/python mkdocs build --strict

lock: | $(UV) ## Write uv.lock again after a change of dependencies
	$(check_python)
	$(UV) lock --python $(FULL_PYTHON)

clean: ## Remove the environment, the caches and what was built
	rm -rf .venv .uv site dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

define check_python
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo 'error: $(PYTHON) must be Python 3.11 or newer; choose another with "make PYTHON=/path/to/python3"' >&2; exit 1; }
endef

.venv/.ready: pyproject.toml uv.lock | $(UV)
	$(check_python)
	$(UV) sync --locked --compile-bytecode --python $(FULL_PYTHON)
	@touch $@

.uv/$(UV_VERSION)/bin/uv:
	$(check_python)
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || \
		{ echo 'error: $(PYTHON) has no pip; install pip, or install uv and put it on PATH' >&2; exit 1; }
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
		--target .uv/$(UV_VERSION) 'uv==$(UV_VERSION)'
