# Everything the repository can do. It needs make, Python 3.11 or newer, and a package index for pip;
# each target does its own set-up once, and again when the locks change.
#
#   make test PYTHON=python3.12     another Python (after `make clean`)
#   make test ARGS="-k refuse"      more arguments for the program that the target runs

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=
VARIANT ?= cpu

BIN       := $(VENV)/bin
INSTALLED := $(VENV)/installed
RUNTIME           := presets/runtimes/transformers
RUNTIME_BIN       := $(CURDIR)/$(RUNTIME)/.venv/bin
RUNTIME_INSTALLED := $(RUNTIME)/.venv/installed
DOCS_INSTALLED    := $(VENV)/docs/installed
E2E       := tests/e2e --ignore=tests/e2e/faults --ignore=tests/e2e/node --ignore=tests/e2e/story
CHECKS    := lint types contracts current test

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo serve cluster $(CHECKS) check e2e e2e-node story test-runtime fuzz chaos bench sbom audit format schemas golden kustomize docs lock image-archive runtime-image package clean

help: ## Print this table of contents
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

# --- Use it ---

setup: $(INSTALLED) ## Install what is locked into .venv (the other targets do this themselves)
	@echo "$(VENV) is ready: $(BIN)/metakaito --help"

demo: $(INSTALLED) ## Play a Workspace from creation to ready on your terminal, without a cluster
	@$(BIN)/metakaito demo $(ARGS)

# Not for others on the network: hooks answer whoever asks. ARGS="--bind :8080" lets them.
serve: $(INSTALLED) ## Serve the hooks on 127.0.0.1:8080, as they run beside Metacontroller
	@METAKAITO_LOG_FORMAT=$${METAKAITO_LOG_FORMAT:-text} \
		$(BIN)/metakaito serve --bind 127.0.0.1:8080 $(ARGS)

cluster: $(INSTALLED) ## Start a real control plane with the bundle on it, until Ctrl-C
	@$(BIN)/python -m tests.e2e.cluster $(ARGS)

# --- Check it ---

check: $(CHECKS) ## Run all that must pass before a change is merged: the next five

lint: $(INSTALLED) ## Check style and format with ruff, and the Dockerfiles with hadolint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/hadolint Dockerfile $(RUNTIME)/Dockerfile

types: $(INSTALLED) ## Check types with mypy
	$(BIN)/mypy

contracts: $(INSTALLED) ## Check that imports run one way, and that composite/ is pure
	$(BIN)/lint-imports

current: $(INSTALLED) ## Check that the generated files are what the code would write
	$(BIN)/python -m schemas --check
	$(BIN)/python -m charts --check
	$(BIN)/python -m hooks.pages --check
	$(BIN)/python -m hooks.picture --check

# ARGS="--numprocesses=0" runs them in this one process, as a debugger wants it.
test: $(INSTALLED) ## Run the tests, on all processors
	$(BIN)/python -m pytest -q --numprocesses=auto --dist=loadfile $(ARGS)

# Not part of `check`: it builds a control plane first, from Go modules; 10 minutes the first time.
e2e: $(INSTALLED) ## Test the bundle on a real control plane; FAULTS=1: while things go wrong
	$(BIN)/python -m pytest -q $(if $(FAULTS),tests/e2e/faults,$(E2E)) $(ARGS)

e2e-node: $(INSTALLED) ## Test the bundle as real Pods on a real node; needs root
	$(BIN)/python -m pytest -q tests/e2e/node $(ARGS)

# All of the runtime on two real nodes: what README.md tells comes last, as it is printed.
story: $(INSTALLED) $(RUNTIME_INSTALLED) ## Serve, tune, push and answer on real nodes; needs root
	$(BIN)/python -m pytest -q tests/e2e/story $(ARGS)

# Not part of `check`: it installs torch and what that brings, 6 GB.
test-runtime: $(RUNTIME_INSTALLED) ## Check types of the model server and trainer, and test them
	cd $(RUNTIME) && $(RUNTIME_BIN)/python -m mypy && $(RUNTIME_BIN)/python -m pytest -q $(ARGS)

fuzz: $(INSTALLED) ## Ask the hooks a million things nobody should; ARGS="--seed 7 --requests 20000"
	$(BIN)/python -m tests.fuzz $(ARGS)

chaos: $(INSTALLED) ## Play ten thousand stories of trouble; ARGS="--seed 7 --stories 200"
	$(BIN)/python -m tests.chaos $(ARGS)

bench: $(INSTALLED) ## Measure it, half an hour; QUICK=1: three minutes; ARGS="--only core"
	$(BIN)/python -m tests.bench $(if $(QUICK),--quick) $(ARGS)

sbom: $(INSTALLED) ## Write what is in the images into dist, as CycloneDX; ARGS=--help
	@$(BIN)/python -m image sbom dist $(ARGS)

audit: $(INSTALLED) ## Hold the locks against advisories that you have got; ARGS=--help says how
	@$(BIN)/python -m image audit $(ARGS)

image-archive: $(INSTALLED) ## Write the container image into dist, without Docker
	@mkdir -p dist
	@$(BIN)/python -m image archive dist/metakaito.oci.tar $(ARGS)

# Gigabytes: torch and what it links. VARIANT=cuda for nodes with GPUs.
runtime-image: $(INSTALLED) ## Write the image of the model server and trainer into dist, without Docker
	@mkdir -p dist
	@$(BIN)/python -m image runtime archive dist/metakaito-transformers-$(VARIANT).oci.tar --variant $(VARIANT) $(ARGS)

package: $(INSTALLED) ## Write the Helm charts as archives into dist
	@$(BIN)/python -m charts.package dist

# --- Change it ---

format: $(INSTALLED) ## Rewrite the code in its one format, and repair what ruff can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

schemas: $(INSTALLED) ## Write every generated file: CRDs, schemas, charts, reference pages
	$(BIN)/python -m schemas
	$(BIN)/python -m charts
	$(BIN)/python -m hooks.pages
	$(BIN)/python -m hooks.picture
	$(BIN)/python -m tests.bench --schema

golden: $(INSTALLED) ## Write golden responses and counted steps anew; review the difference
	$(BIN)/python -m pytest -q tests/golden tests/bench/test_counts.py --update-golden $(ARGS)

# Helm is the one of the test cluster, built from a Go module the first time.
kustomize: $(INSTALLED) ## Write charts/kustomize anew from the chart; review the difference
	@PATH="$$($(BIN)/python -c 'from tests.e2e.cluster.programs import programs; print(programs("tools"))')/bin:$$PATH" \
		$(BIN)/python -m charts.kustomize

# Its programs have an environment of their own; nothing is fetched while they run.
docs: $(DOCS_INSTALLED) ## Build the documents as a site into dist/site
	@$(BIN)/python -m hooks.site dist/docs
	@NO_MKDOCS_2_WARNING=1 $(VENV)/docs/bin/mkdocs build --strict $(ARGS)
	@echo "wrote dist/site/index.html"

# Locked with the oldest Python we support: what newer ones need is a subset of it.
COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet \
	--generate-hashes --allow-unsafe --strip-extras --annotation-style line \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links $(ARGS)

# uv, for pip-compile needs minutes and a build of everything for a set of this size.
COMPILE_RUNTIME := $(CURDIR)/$(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 \
	--annotation-style line --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" $(ARGS) pyproject.toml

lock: $(INSTALLED) ## Write requirements/*.txt for pyproject.toml (ARGS=--upgrade: newest versions)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "make lock needs Python 3.11: make clean lock PYTHON=python3.11" >&2; exit 1; }
	$(COMPILE) --output-file requirements/runtime.txt pyproject.toml
	$(COMPILE) --extra cluster --constraint requirements/runtime.txt \
		--output-file requirements/cluster.txt pyproject.toml
	$(COMPILE) --extra image --constraint requirements/runtime.txt \
		--output-file requirements/image.txt pyproject.toml
	$(COMPILE) --extra dev --extra image --constraint requirements/cluster.txt \
		--constraint requirements/image.txt \
		--output-file requirements/dev.txt pyproject.toml
	$(COMPILE) --output-file requirements/docs.txt requirements/docs.in
	cd $(RUNTIME) && $(COMPILE_RUNTIME) --output-file requirements/cpu.txt
	cd $(RUNTIME) && $(COMPILE_RUNTIME) --extra cuda --constraint requirements/cpu.txt \
		--output-file requirements/cuda.txt
	cd $(RUNTIME) && $(COMPILE_RUNTIME) --extra test --constraint requirements/cpu.txt \
		--output-file requirements/test.txt

clean: ## Remove the virtual environment and all caches
	rm -rf $(VENV) $(RUNTIME)/.venv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- Set it up ---

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo \
		"metakaito needs Python 3.11 or newer, and $(PYTHON) is not: make setup PYTHON=python3.12" >&2; \
		exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)

$(INSTALLED): requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing what requirements/dev.txt locks into $(VENV), once; it takes about a minute ..."
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(RUNTIME_INSTALLED): $(RUNTIME)/requirements/test.txt | $(INSTALLED)
	@echo "Installing what $(RUNTIME)/requirements/test.txt locks, 6 GB, once; it takes about a minute ..."
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(RUNTIME)/.venv
	@$(BIN)/uv pip install --quiet --python $(RUNTIME_BIN)/python --require-hashes --requirement $<
	@touch $@

$(DOCS_INSTALLED): requirements/docs.txt | $(INSTALLED)
	@echo "Installing what requirements/docs.txt locks into $(VENV)/docs, once; it takes some seconds ..."
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)/docs
	@$(BIN)/uv pip install --quiet --python $(VENV)/docs/bin/python --require-hashes --requirement $<
	@touch $@
