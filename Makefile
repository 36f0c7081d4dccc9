SHELL = /bin/bash
.SHELLFLAGS = -o pipefail -c
PYTHON ?= python3
PLANT ?=
VENV = .venv
BIN = $(VENV)/bin
OLD = .venv-airflow211
SDK = .venv-sdk
AZ = .venv-az
PYTEST = AIRFLOW_2_PYTHON=$(CURDIR)/$(OLD)/bin/python AZUREML_SDK_PYTHON=$(CURDIR)/$(SDK)/bin/python AZURE_CLI=$(CURDIR)/$(AZ)/bin/az $(BIN)/python -m pytest
PROCESSES = tests/airflow tests/compose tests/demo

.PHONY: demo up evidence test test-page test-processes test-others test-reliability soak lint bench clean prerequisites services

demo: prerequisites $(VENV)/installed ## one nightly run on a local Azure; PLANT=5.0 registers a champion first
	$(BIN)/python -m demo run $(if $(PLANT),--plant-champion $(PLANT))

up: prerequisites $(VENV)/installed ## Azure and Airflow, left running
	$(BIN)/python -m demo up

evidence: $(VENV)/installed ## what the last demo left in the logs
	$(BIN)/python -m demo evidence

test: prerequisites services $(VENV)/installed $(OLD)/installed $(SDK)/installed $(AZ)/installed ## every test, in parts side by side
	@$(MAKE) --no-print-directory --jobs 2 test-processes test-others test-reliability

# Real Airflow, the team deployment, the demo: they mostly wait for each other.
test-processes:
	$(PYTEST) $(PROCESSES) | sed --unbuffered 's/^/[processes] /'

# In a process of its own: it replaces the process's clock and azure-core's transports.
test-reliability:
	$(PYTEST) tests/reliability | sed --unbuffered 's/^/[reliability] /'

test-others:
	$(PYTEST) $(foreach folder,$(PROCESSES) tests/reliability,--ignore $(folder)) | sed --unbuffered 's/^/[others] /'

test-page: services $(VENV)/installed ## the page, in a real browser; SCREENSHOTS=docs renews the pictures of docs/how-to/page.md
	$(PYTEST) tests/airflow/test_page.py

soak: prerequisites services $(VENV)/installed $(OLD)/installed $(AZ)/installed ## the full sweeps; hours
	RELIABILITY_SOAK=1 $(PYTEST) tests/reliability tests/airflow tests/wire/test_doctor.py tests/wire/test_just_in_time.py

lint: $(VENV)/installed ## format, style, types, layers, budgets
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/python -m pytest -q tests/contracts

bench: prerequisites services $(VENV)/installed $(SDK)/installed ## figures against their goals
	AZUREML_SDK_PYTHON=$(CURDIR)/$(SDK)/bin/python $(BIN)/python -m tests.bench

clean: ## forget everything: environment, state of the demo, caches
	rm -rf $(VENV) $(OLD) $(SDK) $(AZ) .demo .pytest_cache .mypy_cache .ruff_cache

prerequisites:
	@$(PYTHON) -m demo.prerequisites

$(VENV)/installed: pyproject.toml sandbox/pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --group compose --group demo --group dev --editable . --editable ./sandbox
	touch $@

services: ## PostgreSQL, Redis and Chromium, for the tests
	@deploy/services.sh

$(OLD)/installed: $(VENV)/installed pyproject.toml constraints-2.11.txt ## the oldest Airflow that we support
	$(BIN)/uv venv --quiet --clear --python 3.11 $(OLD)
	$(BIN)/uv pip install --quiet --python $(OLD)/bin/python --constraint constraints-2.11.txt apache-airflow==2.11.0 --editable .
	touch $@

$(SDK)/installed: $(VENV)/installed pyproject.toml constraints-sdk.txt ## unmodified azure-ai-ml: the oracle, and the extra [sdk] beside Airflow
	$(BIN)/uv venv --quiet --clear --python 3.11 $(SDK)
	$(BIN)/uv pip install --quiet --python $(SDK)/bin/python --constraint constraints-sdk.txt apache-airflow==3.3.2 --editable '.[sdk]'
	touch $@

$(AZ)/installed: $(VENV)/installed constraints-az.txt ## unmodified Azure CLI: what it cannot do here, no exported command can
	$(BIN)/uv venv --quiet --clear --python 3.11 $(AZ)
	$(BIN)/uv pip install --quiet --python $(AZ)/bin/python --constraint constraints-az.txt azure-cli setuptools
	touch $@
