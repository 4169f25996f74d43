# Every target sets up .venv when it is missing or out of date. Pass more to a command with ARGS:
#   make train ARGS='model=hard seed=3'     make test ARGS='tests/sharing -x'     make test PYTHON=python3.12

PYTHON ?=
ARGS ?=
WORKERS ?= 2

venv := .venv
ready := $(venv)/.complete
python := $(venv)/bin/python

.PHONY: help setup train compare dashboard bench test unit campaign lint format docs
.NOTPARALLEL:

help:
	@echo 'make train      one run: python train.py $$ARGS'
	@echo 'make compare    a sweep with its statistics: python experiments/compare.py $$ARGS'
	@echo 'make dashboard  TensorBoard over outputs/'
	@echo 'make bench      what steps, batches and starts cost: python benchmarks/bench.py $$ARGS'
	@echo 'make test       all tests ($(WORKERS) processes: WORKERS=n)'
	@echo 'make unit       the fast tests only'
	@echo 'make campaign   2,000 cases of kills, damage and mistakes, about half an hour on an idle machine (docs/reliability.md)'
	@echo 'make lint       style, format, types and import contracts'
	@echo 'make format     put the code into format'
	@echo 'make docs       the site, into site/; warnings are errors'

setup: $(ready)

$(ready): pyproject.toml constraints.txt
	@PYTHON='$(PYTHON)' .ci/setup $(venv)

train: $(ready)
	@$(python) train.py $(ARGS)

compare: $(ready)
	@$(python) experiments/compare.py $(ARGS)

dashboard: $(ready)
	@$(python) -W 'ignore:pkg_resources is deprecated' -m tensorboard.main --logdir outputs $(ARGS)

bench: $(ready)
	@$(python) benchmarks/bench.py $(ARGS)

test: $(ready)
	@$(python) -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

unit: $(ready)
	@$(python) -m pytest -m unit $(ARGS)

campaign: $(ready)
	@$(python) -m tests.campaign $(ARGS)

lint: $(ready)
	@$(python) -m ruff check .
	@$(python) -m ruff format --check .
	@$(venv)/bin/pydoclint mtl
	@$(python) -m mypy
	@$(venv)/bin/lint-imports --no-logo

format: $(ready)
	@$(python) -m ruff check --fix .
	@$(python) -m ruff format .

docs: $(venv)/.docs
	@NO_MKDOCS_2_WARNING=1 $(python) -m mkdocs build --strict $(ARGS)

$(venv)/.docs: $(ready)
	@$(python) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@
