PYTHON ?= python3
PLANT ?=
VENV = .venv
BIN = $(VENV)/bin

.PHONY: demo up evidence test lint bench clean prerequisites

demo: prerequisites $(VENV)/installed ## one nightly run on a local Azure; PLANT=5.0 registers a champion first
	$(BIN)/python -m demo run $(if $(PLANT),--plant-champion $(PLANT))

up: prerequisites $(VENV)/installed ## Azure and Airflow, left running
	$(BIN)/python -m demo up

evidence: $(VENV)/installed ## what the last demo left in the logs
	$(BIN)/python -m demo evidence

test: prerequisites $(VENV)/installed ## every test
	$(BIN)/python -m pytest

lint: $(VENV)/installed ## format, style, types, layers
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: prerequisites $(VENV)/installed ## figures against their goals
	$(BIN)/python -m tests.bench

clean: ## forget everything: environment, state of the demo, caches
	rm -rf $(VENV) .demo .pytest_cache .mypy_cache .ruff_cache

prerequisites:
	@$(PYTHON) -m demo.prerequisites

$(VENV)/installed: pyproject.toml sandbox/pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --group demo --group dev --editable . --editable ./sandbox
	touch $@
