# The commands of this repository; each sets up all that it needs by itself.
SHELL := /bin/bash
ACTLOC_SHARED ?= ../shared
export ACTLOC_SHARED
with_env := source scripts/setup.bash &&

.PHONY: help build messages demo test cluster-test lint fuzz soak clean parity export-check results

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

build: ## Set everything up and build the package (DISTRO=jazzy or kilted where no ROS 2 is sourced)
	@scripts/bootstrap.sh

messages: ## Build the package and load its messages without installing PyTorch
	@scripts/bootstrap.sh --messages-only
	@$(with_env) python scripts/check_messages.py

demo: build ## Play a sample (or INPUT=video, image folder or bag) through ROS into the node and show what it sees
	@$(with_env) python scripts/demo.py $(if $(INPUT),--input '$(INPUT)')

test: build ## Run all tests
	@$(with_env) OMP_NUM_THREADS=1 pytest -n 2 --dist loadfile test

cluster-test: build ## Run the test of a cluster of Ray (needs ray: pip install ray)
	@$(with_env) ACTLOC_CLUSTER=1 OMP_NUM_THREADS=1 pytest test/recordings/index/test_cluster.py

lint: build ## Check style, types, layers of imports, words and lengths of lines
	@$(with_env) ruff check . && ruff format --check . && mypy actloc_ros
	@$(with_env) lint-imports --no-cache --no-logo && codespell && pymarkdown -d '*' -e md013 scan *.md */*.md

fuzz: build ## Feed broken files and messages to all that reads them (N=10000 SECONDS=3600 SEED=0)
	@$(with_env) python -m fuzz $(if $(N),--count $(N)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

clean: ## Remove all that was set up and made
	rm -rf .env build install log demo_out fuzz_out

soak: build ## Run the node for MINUTES beside cameras that misbehave (ARGS='--model pose_n --seed 1')
	@$(with_env) python -m benchmark.soak $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

parity: build ## Compare networks and measures with published code, in float64 (FOLDERS='../shared/parity ../shared/parity2'; minutes)
	@$(with_env) python test/parity.py $(or $(FOLDERS),$(ACTLOC_SHARED)/parity $(ACTLOC_SHARED)/parity2)

export-check: build ## Export every model in every form and compare it with the original (takes an hour)
	@$(with_env) python -m benchmark.speed.export

results: build ## Measure the shipped weights and write doc/results.md (ONLY='real synth', WEIGHTS=FILE, ARGS='--minutes 30')
	@$(with_env) python -m benchmark.results --shared '$(ACTLOC_SHARED)' $(if $(WEIGHTS),--weights '$(WEIGHTS)') $(if $(ONLY),--only $(ONLY)) $(ARGS)
