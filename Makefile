# Two commands matter: `make run` and `make test`. Nothing has to be installed before but Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.9
COMPILE := $(UV) pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-emit-find-links -q
PYTEST := $(BIN)/python -m pytest
WITH_POSTGRES := $(BIN)/python -m tests.support.postgres
IN_OWN_NETWORK := $(BIN)/python -m tests.support.netns
SIDE_BY_SIDE := $(BIN)/python -m tests.support.side_by_side
COVERAGE := $(BIN)/python -m coverage
FLOOR := 90
FLOORED := domain adapters service
TRACED := $(FLOORED) api backup
ON_POSTGRES := tests/service tests/management tests/monitoring tests/audit tests/journal tests/jobs/test_runner.py tests/jobs/test_sweeper.py tests/jobs/test_lease.py

.DEFAULT_GOAL := help
.PHONY: help run test test-full lint bench clean lock

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.runtime ## start everything on this machine (PORT, default 8000); Ctrl-C stops it
	@exec $(BIN)/python -m project.stack

test: $(VENV)/.dev ## run the tests and hold the branch coverage of domain, adapters and service at 90 %
	$(COVERAGE) erase
	$(SIDE_BY_SIDE) lite="$(MAKE) --no-print-directory test-lite" milvus="$(MAKE) --no-print-directory test-milvus" \
	  others="$(MAKE) --no-print-directory test-others"
	@$(MAKE) --no-print-directory coverage-floor

# Three parts that run side by side: most of what needs Milvus Lite, what needs Milvus, and what needs other servers, to
# which the backups of Milvus are added, in a network of their own, and the rest on Lite, so that all take about as long.
# Tracing branches takes a third of the time: it is left to the tests of what is held to a floor or uses it most, and to those on Milvus.
QUICK := not slow and not transit and not real_milvus
ON_MILVUS := real_milvus and not slow and not transit

test-lite: $(VENV)/.dev
	COVERAGE_FILE=.coverage.lite $(PYTEST) $(TRACED:%=tests/%) -m "$(QUICK)" --cov --cov-report=

test-milvus: $(VENV)/.dev
	COVERAGE_FILE=.coverage.milvus $(PYTEST) --ignore=tests/backup -m "$(ON_MILVUS)" --cov --cov-report=

test-others: $(VENV)/.dev
	$(WITH_POSTGRES) $(PYTEST) $(ON_POSTGRES) -m "$(QUICK)"
	$(IN_OWN_NETWORK) $(PYTEST) tests/transit -m transit
	$(IN_OWN_NETWORK) $(PYTEST) tests/backup -m "$(ON_MILVUS)"
	$(PYTEST) $(TRACED:%=--ignore=tests/%) -m "$(QUICK)"

test-full: $(VENV)/.dev ## run the tests with their long forms too, one after the other
	$(COVERAGE) erase
	COVERAGE_FILE=.coverage.full $(PYTEST) -m "not transit" --cov --cov-report=
	COVERAGE_FILE=.coverage.full $(WITH_POSTGRES) $(PYTEST) $(ON_POSTGRES) -m "" --cov --cov-append --cov-report=
	COVERAGE_FILE=.coverage.full $(IN_OWN_NETWORK) $(PYTEST) tests/transit -m transit --cov --cov-append --cov-report=
	@$(MAKE) --no-print-directory coverage-floor

.PHONY: test-lite test-milvus test-others coverage-floor
coverage-floor:
	$(COVERAGE) combine -q
	$(COVERAGE) report --format=total
	@for package in $(FLOORED); do \
	  echo "branch coverage of vectorstore/$$package, at least $(FLOOR) %:"; \
	  $(COVERAGE) report --include="vectorstore/$$package/*" --fail-under=$(FLOOR) || exit 1; \
	done

lint: $(VENV)/.dev ## check style, types, layers, migrations and the production settings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python deploy/check_production.py
	DJANGO_SETTINGS_MODULE=project.settings.test $(BIN)/python manage.py makemigrations --check --dry-run

bench: $(VENV)/.dev ## measure against Milvus itself and print the table
	$(BIN)/python -m benchmarks

clean: ## remove what was installed and built; the data folder stays
	rm -rf $(VENV) build staticfiles .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis \
	  .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: $(UV) ## resolve the dependencies anew and pin them with hashes
	$(COMPILE) --upgrade --group dev -o requirements-dev.lock
	$(COMPILE) -c requirements-dev.lock -o requirements.lock

# A stamp says that a lock file is installed. Development packages are added, never removed, by `make run`.
# pip takes over where uv cannot reach the package index that pip is configured for.
$(VENV)/.runtime: requirements.lock | $(UV)
	@echo "Installing $< (once)"
	@$(UV) pip install --python $(BIN)/python --require-hashes --compile-bytecode -q -r $< \
	  || $(BIN)/python -m pip install --require-hashes -q -r $<
	@touch $@

$(VENV)/.dev: requirements-dev.lock requirements.lock | $(UV)
	@echo "Installing $< (once)"
	@$(UV) pip install --python $(BIN)/python --require-hashes --compile-bytecode -q -r $< \
	  || $(BIN)/python -m pip install --require-hashes -q -r $<
	@touch $(VENV)/.runtime $@

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION)
