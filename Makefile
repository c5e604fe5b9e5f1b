# The way in: `make setup`, then `make demo` or `make test`. Needs only Python 3.11 to 3.14 (with venv) and make.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test pictures lint types lock lock-check check genuine mutate bench refusals answers chaos clean

# Of these, the first that will do becomes that of .venv; another one: make clean, then make setup PYTHON=python3.13.
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
VENV_PYTHON := .venv/bin/python
PIP_INSTALL := $(VENV_PYTHON) -m pip install -qq --disable-pip-version-check --no-input
PYTEST_ARGS ?=
# Each has an Azurite of its own. Two more than two cores: many tests wait, for a deadline or for storage that is to be tried again.
PYTEST_WORKERS ?= 4
CHAOS_ARGS ?=
ANSWERS_ARGS ?=
ROOM ?= domain/service
KEEP ?=

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: .venv/.installed .azurite/.installed ## Install everything into .venv and .azurite (again: nothing to do)

demo: setup ## Run the whole pipeline on this machine with the samples (KEEP=1 leaves it running)
	@$(VENV_PYTHON) -m local.demo $(if $(KEEP),--keep)

# Hundreds of processes are started that import the app: with what was compiled before, a fifth faster.
test: setup ## Run the tests (PYTEST_ARGS="-k name" for some of them)
	@PYTHONDONTWRITEBYTECODE= $(VENV_PYTHON) -m pytest -n $(PYTEST_WORKERS) --dist worksteal $(PYTEST_ARGS)

# Of these `make test` leaves out the app as a whole, and what waits for time-outs of a minute.
genuine: setup ## Run the stories on the genuine Durable engine, all of them, where it is found
	@$(VENV_PYTHON) -m pytest -n $(PYTEST_WORKERS) --dist worksteal -m "" -rs tests/genuine

pictures: setup ## Take the README's pictures of the operator page again
	@PICTURES=1 $(VENV_PYTHON) -m pytest -n 0 tests/web/test_page.py -k picture

lint: .venv/.installed ## Check style and formatting
	@$(VENV_PYTHON) -m ruff check .
	@$(VENV_PYTHON) -m ruff format --check .

types: .venv/.installed ## Check types
	@$(VENV_PYTHON) -m mypy .

# What is deployed is what was tested: a remote build installs requirements.txt, which has every version and hash.
LOCK := $(VENV_PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command 'make lock' requirements.in

lock: .venv/.installed ## Renew requirements.txt from requirements.in, with today's versions
	@$(LOCK) --upgrade --output-file requirements.txt
	@$(PIP_INSTALL) --require-hashes -r requirements.txt
	@$(VENV_PYTHON) docs/licences.py

# Compiles with the versions that are locked, so nothing changes but what requirements.in asks for.
lock-check: .venv/.installed
	@cp requirements.txt .venv/lock-check.txt
	@$(LOCK) --output-file .venv/lock-check.txt
	@diff requirements.txt .venv/lock-check.txt || { echo "requirements.txt is out of date: make lock" >&2; exit 1; }

check: lint types test ## Run everything that has to be clean before a commit

# Minutes for domain/service or domain/flow on two cores, one for a single module. Other rooms than domain/ and formats/ have tests
# that start processes: too slow for it.
mutate: setup ## Change a room of domain/ or formats/ in small ways and show what its tests miss (ROOM=domain/service)
	@$(VENV_PYTHON) -m tests.mutation $(ROOM) $(PYTEST_WORKERS)

bench: setup benchmarks/__main__.py ## Measure speed, memory and calls against the budgets
	@$(VENV_PYTHON) -m benchmarks

refusals: setup ## Let storage refuse each kind of call of a job, in each way; count what is lost and paid (REFUSALS_ARGS="LeaseIdMissing cut")
	@$(VENV_PYTHON) -m tests.activities.refusal_course $(REFUSALS_ARGS)

answers: setup ## Spoil the answer to each kind of call to the service, in each way; count what is lost and paid (ANSWERS_ARGS="create_batch live")
	@$(VENV_PYTHON) -m tests.activities.service_walk $(ANSWERS_ARGS)

chaos: setup ## Kill hosts, wipe their memory, let the service misbehave, count every request; then bad files among good ones (CHAOS_ARGS="--seed 8")
	@$(VENV_PYTHON) -m benchmarks.chaos $(CHAOS_ARGS)
	@$(VENV_PYTHON) -m benchmarks.chaos --misery --folder .local/misery $(MISERY_ARGS)

clean: ## Remove what setup, tests and demo made
	rm -rf .venv .azurite .local .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp is written last, so an installation that was cut off is done again.

.venv/.installed: requirements.in requirements.txt requirements-cli.txt requirements-dev.txt requirements-worker.txt cli/launcher.sh
	@$(find_python); \
	if ! $(VENV_PYTHON) -c 'import pip; $(is_supported)' 2>/dev/null; then \
	  echo "Creating .venv with $$($$python --version) ..."; \
	  $$python -m venv --clear .venv; \
	fi
	@echo "Installing Python packages into .venv (a minute or two the first time) ..."
	@$(PIP_INSTALL) --require-hashes --requirement requirements.txt
	@$(PIP_INSTALL) --requirement requirements-dev.txt
	@$(PIP_INSTALL) --no-deps --ignore-requires-python --require-hashes --requirement requirements-worker.txt
	@install -m 755 cli/launcher.sh .venv/bin/aoai-batch
	@touch $@

.azurite/.installed: local/azurite/package.json local/azurite/install.py .venv/.installed
	@$(VENV_PYTHON) -m local.azurite.install
	@touch $@

is_supported := import sys, ensurepip; assert (3, 11) <= sys.version_info[:2] <= (3, 14)

# Sets $python to the first that runs, is of a supported version and can make virtual environments.
define find_python
python=""; \
for candidate in $(PYTHON); do \
  if $$candidate -c '$(is_supported)' >/dev/null 2>&1; then python=$$candidate; break; fi; \
done; \
if [ -z "$$python" ]; then \
  echo "No Python 3.11 to 3.14 with the venv module was found (looked for: $(PYTHON))." >&2; \
  echo "Install one, for instance: apt-get install python3 python3-venv (Debian 12 or 13, Ubuntu 24.04 or 26.04)" >&2; \
  exit 1; \
fi
endef
