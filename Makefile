# Everything a person or a build server does here is a target; `make` lists them.
# Recipes are plain POSIX sh; every path is relative, so the clone may lie under any name.

# The Python to build .venv with; asked for only when .venv is built.
PYTHON ?= $(shell tools/find-python python3.13 python3.12 python3.11 python3)
# Test processes side by side; more than four only fight for memory bandwidth.
WORKERS ?= auto
# More arguments for pytest: make test ARGS="-k calendar"
ARGS ?=

BIN := .venv/bin
RUNTIME := .venv/.runtime
DEV := .venv/.dev
LOCKER := build/locker
# Each must find a built package for every pin; tools/preflight.py refuses all other machines.
SYSTEMS := x86_64-manylinux_2_28 aarch64-manylinux_2_28 aarch64-apple-darwin
UV_PIN = $(LOCKER)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-header --no-annotate $(ARGS)
UV_COMPILE = $(UV_PIN) --extra web --extra s3 --group build
RIVALS := benchmarks/rivals
# What checks the deployment, apart from the rest: 140 packages that nothing else needs.
DEPLOY := .venv-deploy/.made
DEPLOY_PINS := tools/deploy/requirements
# The images' parts of requirements.lock: what each target of the Dockerfile installs.
PARTS := deploy/images
UV_PART = $(UV_PIN) --constraint requirements.lock

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := help
# `make -j clean setup` must not empty what it fills.
ifneq (,$(filter clean format lock lock-rivals lock-deploy,$(MAKECMDGOALS)))
.NOTPARALLEL:
endif

.PHONY: help
help: ## list the targets
	@echo 'Storecast: make TARGET'
	@echo
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  make run DATA=path     from a sales file, zip or folder; without DATA from sample data'
	@echo '  make run SERVE=no      without starting service and web app at the end'
	@echo '  make test ARGS="-x"    more arguments for pytest'
	@echo '  make PYTHON=path ...   another Python for .venv (3.11 to 3.13)'

# The environment. Two stamps: what runs Storecast, and what tests it. They are remade when a lock
# or pyproject.toml changes, so that any other start costs nothing.

.PHONY: setup
setup: $(RUNTIME) ## make .venv and install what Storecast needs, from the lock

# .venv is built anew where there is none, where its Python is gone (the system's was replaced), and where
# the clone was moved: the commands in .venv/bin name the place they were made for.
ifneq (sound,$(shell test -x $(BIN)/python && test "$$(cat .venv/.at 2>/dev/null)" = "$$(pwd -P)" && echo sound))
ANEW := venv-anew
endif

.PHONY: venv-anew
venv-anew:
	@set -e; python="$(PYTHON)"; test -n "$$python"; \
	echo "Checking what this machine brings ($$python)"; \
	"$$python" tools/preflight.py; \
	echo "Making the virtual environment .venv"; \
	"$$python" -m venv --clear .venv || { rm -rf .venv; exit 1; }; \
	pwd -P > .venv/.at

$(RUNTIME): $(ANEW) requirements.lock pyproject.toml
	@$(BIN)/python tools/preflight.py
	@echo "Installing the packages of requirements.lock"
	@$(BIN)/python tools/install.py requirements.lock
	@echo "Installing storecast itself"
	@$(BIN)/python tools/install.py --project
	@touch $@

$(DEV): $(RUNTIME) requirements-dev.lock
	@echo "Installing the packages of requirements-dev.lock (tests and checks)"
	@$(BIN)/python tools/install.py requirements-dev.lock
	@touch $@

.PHONY: setup-deploy
setup-deploy: $(DEPLOY) ## make .venv-deploy: what checks and rehearses the deployment

ifneq (sound,$(shell test -x .venv-deploy/bin/python && test "$$(cat .venv-deploy/.at 2>/dev/null)" = "$$(pwd -P)" && echo sound))
DEPLOY_ANEW := deploy-anew
endif

.PHONY: deploy-anew
deploy-anew:
	@set -e; python="$(PYTHON)"; test -n "$$python"; \
	echo "Making the virtual environment .venv-deploy"; \
	"$$python" -m venv --clear .venv-deploy || { rm -rf .venv-deploy; exit 1; }; \
	pwd -P > .venv-deploy/.at

$(DEPLOY): $(DEPLOY_ANEW) $(DEPLOY_PINS).lock tools/deploy/groovy-linter
	@echo "Installing the packages of $(DEPLOY_PINS).lock"
	@.venv-deploy/bin/python tools/install.py $(DEPLOY_PINS).lock
	@tools/deploy/groovy-linter .venv-deploy/node
	@touch $@

.PHONY: setup-ci
setup-ci: ## install the system packages that the tests need (apt)
	@tools/install-system-packages

# DATA reaches the shell by the environment, never as text of the recipe: any file name is safe.
.PHONY: run
run: export STORECAST_RUN_DATA := $(value DATA)
run: $(RUNTIME) ## from sales data to forecasts, a report, service and web app [DATA=path] [SERVE=no]
	@$(BIN)/storecast run $(if $(value DATA),"$$STORECAST_RUN_DATA") $(if $(filter no,$(SERVE)),--no-serve)

.PHONY: test
test: $(DEV) ## run the tests
	@$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 -m "not e2e and not rehearsal" $(ARGS)

.PHONY: rehearsal
rehearsal: $(DEV) $(DEPLOY) ## rehearse the deployment: images, containers, Terraform on an emulator, pipelines
	@$(BIN)/python -m pytest -m rehearsal $(ARGS)

.PHONY: e2e
e2e: $(DEV) ## run the long end-to-end tests
	@$(BIN)/python -m pytest -m e2e $(ARGS)

.PHONY: backup-drill
backup-drill: $(DEV) ## back up under load, wipe, restore, compare; prints how much was lost and how long it took
	@$(BIN)/python -m pytest -q -s -n 0 -m e2e tests/e2e/test_backup_drill.py

.PHONY: check
check: lint types contracts ## every static check: lint, types, contracts

.PHONY: deploy-check
deploy-check: $(DEPLOY) ## every static check of the deployment [ARGS="terraform policies"]
	@.venv-deploy/bin/python -m tools.deploy.check $(ARGS)

.PHONY: lint
lint: $(DEV) ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

.PHONY: types
types: $(DEV) ## mypy, strict
	@$(BIN)/mypy

.PHONY: contracts
contracts: $(DEV) ## which module may import which (.importlinter, .importlinter-loaded)
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/lint-imports --no-logo --config .importlinter-loaded

.PHONY: format
format: $(DEV) ## rewrite the code as ruff has it
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: bench
bench: $(RUNTIME) ## measure every figure of the README
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: pictures
pictures: $(DEV) ## draw README's pictures anew, from the sample
	@$(BIN)/python tools/readme_pictures.py
	@$(BIN)/python -m tools.web_pictures

.PHONY: cards
cards: $(RUNTIME) ## make docs/model-card.md and docs/data-card.md anew, from the sample
	@$(BIN)/python -m tools.cards

.PHONY: dashboards
dashboards: $(DEV) ## make Grafana's dashboards by tools/panels, and the alert rules for Kubernetes
	@$(BIN)/python -m tools.dashboards

# Existing pins stay unless ARGS="--upgrade" (or --upgrade-package NAME) asks for newer ones.
.PHONY: image
image: ## build the images service, webapp and jobs [BASE_IMAGE=...] [VERSION=...] [IMAGES=...] [ENGINE=...]
	@BASE_IMAGE="$(BASE_IMAGE)" VERSION="$(VERSION)" IMAGES="$(IMAGES)" ENGINE="$(ENGINE)" tools/image $(ARGS)

.PHONY: secrets
secrets: ## make the secrets and certificates of compose.yaml that are missing [DOMAIN=...] [RENEW=yes]
	@DOMAIN="$(DOMAIN)" RENEW="$(RENEW)" tools/secrets

.PHONY: up
up: secrets ## start the whole system in containers (compose.yaml), from images that are there
	@tools/compose up

.PHONY: down
down: ## stop it; volumes stay
	@tools/compose down

.PHONY: sbom
sbom: $(DEPLOY) ## list what each image holds (CycloneDX), into build/sbom [VERSION=...] [IMAGES=...] [ENGINE=...]
	@VERSION="$(VERSION)" IMAGES="$(IMAGES)" ENGINE="$(ENGINE)" .venv-deploy/bin/python -m tools.deploy.sbom

# What a pipeline or a person does to an environment: scripts that take their settings by the environment.
# TARGET=kubernetes is the environment's cluster; without it, its host.
RELEASING := scan push plan apply deploy smoke rollback-release
$(RELEASING): export ENVIRONMENT := $(ENVIRONMENT)
$(RELEASING): export VERSION := $(VERSION)
$(RELEASING): export BACKEND := $(BACKEND)
$(RELEASING): export IMAGES := $(IMAGES)
$(RELEASING): export ENGINE := $(ENGINE)
$(RELEASING): export TARGET := $(TARGET)

.PHONY: scan
scan: sbom ## what the images hold, and known holes in them where Trivy is installed [VERSION=...]
	@deploy/scripts/scan

.PHONY: push
push: ## images and bundle of a release to an environment [ENVIRONMENT=...] [VERSION=...] [TARGET=...]
	@deploy/scripts/push

.PHONY: plan
plan: ## what would change in an environment's infrastructure [ENVIRONMENT=...] [BACKEND=...] [TARGET=...]
	@deploy/scripts/plan

.PHONY: apply
apply: ## carry out the plan that was kept [ENVIRONMENT=...] [BACKEND=...]
	@deploy/scripts/apply

.PHONY: deploy
deploy: ## start a release on an environment's host or cluster [ENVIRONMENT=...] [VERSION=...] [TARGET=...]
	@deploy/scripts/deploy

.PHONY: smoke
smoke: ## ask a deployed system for readiness, version and a forecast [URL=...] [VERSION=...]
	@deploy/scripts/smoke "$(or $(URL),$(shell cat build/url-$(ENVIRONMENT) 2>/dev/null))" $(VERSION)

.PHONY: rollback-release
rollback-release: ## back to the release that ran before [ENVIRONMENT=...] [VERSION=...] [TARGET=...]
	@deploy/scripts/rollback-release

.PHONY: retrain
retrain: export STORECAST_RUN_DATA := $(value DATA)
retrain: $(RUNTIME) ## train a version and judge it, without letting it serve [DATA=path]
	@deploy/scripts/retrain train

.PHONY: gate
gate: $(RUNTIME) ## end with 1 unless the gate lets the version that was retrained pass
	@deploy/scripts/retrain gate

.PHONY: promote
promote: $(RUNTIME) ## let the version that was retrained serve
	@deploy/scripts/retrain promote

.PHONY: lock
lock: $(LOCKER)/bin/uv ## re-make the locks, with hashes, and prove them for every supported system
	@$(UV_COMPILE) --output-file requirements.lock pyproject.toml
	@$(UV_COMPILE) --group dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	@$(UV_PART) --group build --output-file $(PARTS)/build.lock
	@$(UV_PART) --group service --no-emit-package scipy --no-emit-package narwhals --output-file $(PARTS)/service.lock
	@$(UV_PART) --group webapp --output-file $(PARTS)/webapp.lock
	@$(UV_PART) --extra s3 --output-file $(PARTS)/jobs.lock pyproject.toml
	@for python in 3.11 3.12 3.13; do for system in $(SYSTEMS); do \
	  echo "built packages for Python $$python on $$system"; \
	  $(LOCKER)/bin/uv pip install --quiet --dry-run --target $(LOCKER)/none --python-version $$python \
	    --python-platform $$system --only-binary :all: --require-hashes -r requirements-dev.lock || exit 1; \
	done; done

.PHONY: lock-rivals
lock-rivals: $(LOCKER)/bin/uv ## re-make the locks of the benchmarks' rivals
	@for which in requirements servers; do \
	  $(UV_PIN) --output-file $(RIVALS)/$$which.lock $(RIVALS)/$$which.in || exit 1; done

.PHONY: cluster-secrets
cluster-secrets: $(RUNTIME) ## random secrets for the development overlay on Kubernetes
	@$(BIN)/python -m tools.deploy.cluster_secrets

.PHONY: lock-deploy
lock-deploy: $(LOCKER)/bin/uv ## re-make the lock of what checks the deployment
	@$(UV_PIN) --output-file $(DEPLOY_PINS).lock $(DEPLOY_PINS).in

$(LOCKER)/bin/uv:
	@"$(PYTHON)" -m venv $(LOCKER) && $(LOCKER)/bin/pip install -q uv

.PHONY: clean
clean: ## remove environments, caches and build output; never data or models
	@rm -rf .venv .venv-bench .venv-bench-servers .venv-deploy build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find src tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
