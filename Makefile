# Everything runs in a virtual environment, which is created by the first command that needs it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTHON27 ?= python2.7
HOST ?= 127.0.0.1
PORT ?= 8000
SECONDS ?= 60
DOCS_PORT ?= 8080

# Tests start hundreds of processes, which are slow without bytecode
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help run test test-long test-all check newer autobahn uvicorn-suite framework-suites conformance soak bench bench-server speed diagrams docs site clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /	/' | expand -t 16

run: $(VENV)/run ## Start the demo and print its address (HOST=, PORT=)
	@$(BIN)/wsfsm demo --host $(HOST) --port $(PORT)

test: $(VENV)/test ## Run linter, type checker and tests with coverage
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -m "not long"
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-long: $(VENV)/test ## Run the long tests, which `make test` leaves out
	$(BIN)/python -m pytest -m long --numprocesses=8

test-all: test test-long ## Run all tests

check: $(VENV)/test ## Run the tests on every installed Python
	$(BIN)/nox $(CHECK)

newer: ## Run the tests on CPython 3.14 and 3.15 of Debian unstable (needs Debian and root)
	tools/newer_pythons $(NEWER)

autobahn: $(VENV)/test ## Run Autobahn|Testsuite against the class in uvicorn (needs Python 2.7)
	$(BIN)/python -m tools.autobahn --python $(PYTHON27) --install $(VENV)/autobahn $(AUTOBAHN)

uvicorn-suite: $(VENV)/test ## Run uvicorn's own WebSocket tests on CompatWebSocketProtocol
	$(BIN)/python -m tools.uvicorn_suite

framework-suites: $(VENV)/test ## Run Starlette's and FastAPI's own WebSocket tests on the facade
	$(BIN)/python -m tools.framework_suites

conformance: $(VENV)/bench $(VENV)/test ## Play all conformance cases on all targets; write specs/RESULTS.md
	$(BIN)/python -m tools.publish_results $(CONFORMANCE)

soak: $(VENV)/bench $(VENV)/test ## Play and check random conversations on real servers (SECONDS=, SEED=)
	$(BIN)/python -m tools.soak --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(ARGS)

bench: $(VENV)/test ## Compare the speed of the facade with Starlette's
	$(BIN)/python benchmarks/facade.py --check --rounds 400 --output benchmarks/results

bench-server: $(VENV)/bench ## Compare the speed and memory of ASGI servers (Linux; takes 40 minutes)
	$(BIN)/python benchmarks/core.py --json benchmarks/results
	$(BIN)/python benchmarks/fan_out.py --json benchmarks/results
	$(BIN)/python benchmarks/server.py --json benchmarks/results
	$(BIN)/python benchmarks/server.py --loop asyncio --json benchmarks/results

speed: $(VENV)/test ## Write the results of both benchmarks into docs/speed.md, and draw them
	$(BIN)/python benchmarks/publish.py

diagrams: $(VENV)/test ## Render the diagrams again (needs Graphviz)
	$(BIN)/wsfsm diagram --write diagrams
	cp diagrams/client.svg diagrams/application.svg wsfsm/conformance/reports/static/
	cd examples/graphql_transport_ws && $(CURDIR)/$(BIN)/wsfsm diagram tables.py:CONNECTION --output connection.svg
	cd examples/graphql_transport_ws && $(CURDIR)/$(BIN)/wsfsm diagram tables.py:OPERATION --output operation.svg

docs: site ## Build the site, serve it, and print its address (DOCS_PORT=)
	@echo "http://127.0.0.1:$(DOCS_PORT)/ (stop with Ctrl+C)"
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site $(DOCS_PORT)

site: $(VENV)/test ## Build the site in build/site; a broken link or name is an error
	$(BIN)/sphinx-build --fail-on-warning --keep-going --nitpicky --jobs auto --quiet docs build/site

clean: ## Remove all generated files
	rm -rf $(VENV) .nox build dist

$(VENV)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "wsfsm needs Python 3.11 or newer; specify one with PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@touch $@

$(VENV)/run: $(VENV)/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[demo]"
	@touch $@

$(VENV)/test: $(VENV)/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[demo]" --group dev
	@touch $@

$(VENV)/bench: $(VENV)/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable . --group bench
	@touch $@
