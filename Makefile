# One door for people, pre-commit and CI. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK ?= locks/dev.txt
DEMO_ARGS ?=
PYTEST_ARGS ?=
# Tests use both cores of a small machine and no more.
WORKERS ?= 2
PACKAGES := features tiering training serving tierwise tierwise_client

.DEFAULT_GOAL := help
.PHONY: help install demo client test check format lint types imports bench bench-features bench-models bench-certified bench-serving load image image-check lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

install: $(VENV)/.installed ## make .venv from the hashed lock file

# uv when it can be had, plain pip otherwise: the same hashes hold either way.
$(VENV)/.installed: pyproject.toml locks/build.txt $(LOCK)
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(f"Python 3.11 or newer is needed, $(PYTHON) is {v[0]}.{v[1]}: set PYTHON=python3.11" if v < (3, 11) else 0)'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian: python3-venv)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/build.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r $(LOCK) \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: install ## the whole road on a real order log, then serve it (DEMO_ARGS="--no-serve")
	$(BIN)/tierwise demo $(DEMO_ARGS)

client: install ## write the typed client anew from the API's OpenAPI file
	$(BIN)/tierwise openapi | $(BIN)/python -m tierwise_client.generation

test: install ## all tests with coverage floors
	rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --cov --cov-report= $(PYTEST_ARGS)
	$(BIN)/python -m coverage report --include='tiering/*' --fail-under=100
	$(BIN)/python -m coverage report --omit='tiering/*' --fail-under=90

check: format lint types imports test ## everything that must hold before a commit lands

format: install
	$(BIN)/ruff format --check .

lint: install
	$(BIN)/ruff check .

types: install
	$(BIN)/mypy

imports: install
	$(BIN)/lint-imports --config importlinter.toml

bench: install ## measure speed and memory against named baselines
	$(BIN)/python -m pytest -m bench tests/benchmarks -p no:cacheprovider -s

BENCH_ROWS ?= 10000000
bench-features: install ## 24 snapshots of 1 and 10 million order rows (half an hour)
	BENCH_ROWS=$(BENCH_ROWS) TIERWISE_BENCH_JSON=var/bench-features.json $(BIN)/python -m pytest -m bench tests/benchmarks/test_bench_features.py -p no:cacheprovider -s

bench-models: install ## judge the models against every baseline (docs/benchmarks/models.md); BENCH_MODELS=b2b anew only there
	$(BIN)/python -m tests.benchmarks.models.bench_models $(if $(BENCH_MODELS),--only "$(BENCH_MODELS)" --merge)

bench-certified: install ## certify automatic grades at past origins (docs/benchmarks/certified.md)
	$(BIN)/python -m tests.benchmarks.certified.bench_certified

# The requests come from wrk (Debian: apt-get install wrk), or from Python where it is missing.
bench-serving: install ## measure the service beside MLflow, BentoML, MLServer and bare FastAPI (docs/benchmarks/serving.md)
	$(BIN)/python -m tests.benchmarks.serving.bench_serving

load: install ## five minutes of load with promotion, rollback and batch: nothing may fail (LOAD_SECONDS, LOAD_ENGINE=postgresql)
	$(BIN)/python -m tests.benchmarks.serving.load

# What builds and runs the image: the first of these that is there.
ENGINE ?= $(firstword $(foreach engine,docker podman buildah,$(if $(shell command -v $(engine)),$(engine))))
IMAGE ?= tierwise:0.1.0
BUILD_FLAGS ?=
image: ## build the container image (ENGINE=docker, podman or buildah; BUILD_FLAGS)
ifeq ($(ENGINE),)
	@echo "skipped: neither docker nor podman nor buildah is installed"
else
	$(ENGINE) build $(if $(filter docker,$(notdir $(ENGINE))),,--format docker) $(BUILD_FLAGS) -t $(IMAGE) .
endif

# WORLD=var/journey: a graded world, copied, to measure ready time and memory on.
image-check: ## start the image as it is deployed and judge it (docker or podman; WORLD=var/journey)
ifeq ($(filter docker podman,$(notdir $(ENGINE))),)
	@echo "skipped: needs docker or podman to run the image"
else
	$(PYTHON) deploy/check_image.py $(IMAGE) --engine $(ENGINE) $(if $(WORLD),--world $(WORLD))
endif

LOCK_FLAGS := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-header --no-annotate --fork-strategy fewest
lock: install ## resolve the lock files anew (hashes, no addresses)
	$(BIN)/uv pip compile $(LOCK_FLAGS) locks/build.in -o locks/build.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) pyproject.toml --extra postgres --extra tracing -o locks/runtime.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) pyproject.toml --extra demo --extra experiments --extra postgres --extra resolve --extra spark --extra tracing --extra dev -c locks/runtime.txt -o locks/dev.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) pyproject.toml --extra spark -c locks/runtime.txt -o locks/spark.txt

clean: ## remove the environment and all generated state
	rm -rf $(VENV) var .coverage* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
