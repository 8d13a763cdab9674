# SketchZoo's own commands; `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A folder of photos, a folder a class; without it `make demo` draws a sample.
PHOTOS ?=
# Set to stop `make demo` after the contact sheet.
ONCE ?=
# Set for the five-minute benchmarks.
QUICK ?=
# Tests run at once; they wait more than they compute.
WORKERS ?= 3

# What renders the Helm chart and what checks it, built by Go.
HELM := helm.sh/helm/v3/cmd/helm@v3.19.0
KUBECONFORM := github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0

# The tag that `make release-dry` is to release.
TAG ?=
# The contracts as they were last released.
RELEASED = $(shell ls protos/released/*.binpb | sort -V | tail -n 1)
# mkdocs-material tells on every run that it will have a successor.
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs

.PHONY: help demo test test-system tools check docs audit format stubs lock bench \
	release-dry release-protos clean

help:
	@echo "make demo            set-up and main job: services, gallery, example sketches (PHOTOS=DIR, ONCE=1)"
	@echo "make test            set-up and every test but those of test-system"
	@echo "make test-system     the stack on a Docker engine, foreign clients (within ten minutes)"
	@echo "make check           lint, format, types, import rules, protos, stubs, docs"
	@echo "make docs            the docs as a site, at http://127.0.0.1:8000"
	@echo "make audit           look the locked dependencies up among known vulnerabilities"
	@echo "make bench           the benchmarks and their bars (QUICK=1 within five minutes)"
	@echo "make format          format the code"
	@echo "make stubs           make the gRPC stubs of protos/"
	@echo "make lock            lock the dependencies anew"
	@echo "make release-dry     all of a release but its upload, in build/release (TAG=v0.1.0)"
	@echo "make release-protos  keep the contracts as they are released"

demo: $(VENV)/demo.stamp
	$(BIN)/sketchzoo demo $(if $(PHOTOS),--photos "$(PHOTOS)") $(if $(ONCE),--once)

# A file's tests stay together: they share what it took to start.
test: $(VENV)/dev.stamp
	$(BIN)/pytest -n $(WORKERS) --dist loadfile

# On the engine that DOCKER_HOST names; what can't run here is skipped with the reason.
test-system: $(VENV)/dev.stamp
	$(BIN)/pytest -m system tests/system

tools: $(BIN)/helm $(BIN)/kubeconform

$(BIN)/helm: $(VENV)/uv.stamp
	GOBIN=$(abspath $(BIN)) go install $(HELM)
	touch $@

$(BIN)/kubeconform: $(VENV)/uv.stamp
	GOBIN=$(abspath $(BIN)) go install $(KUBECONFORM)
	touch $@

check: $(VENV)/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/buf breaking protos --against $(RELEASED)
	$(BIN)/python scripts/generate_stubs.py --check
	$(MKDOCS) build --strict

docs: $(VENV)/dev.stamp
	$(MKDOCS) serve --strict

audit: $(VENV)/uv.stamp
	$(BIN)/python scripts/audit.py

bench: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

stubs: $(VENV)/dev.stamp
	$(BIN)/python scripts/generate_stubs.py

lock: $(VENV)/uv.stamp
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url \
		--extra demo --extra trace pyproject.toml -o requirements/demo.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url \
		--extra demo --extra trace --extra train --extra model --extra s3 --extra gs --extra parquet --extra ray --group dev -c requirements/demo.txt \
		pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url \
		-c requirements/dev.txt --group build -o requirements/build.txt
	for image in search:search,s3,gs encoder:encoder,words encoder-gpu:gpu,words ingest:ingest,s3,gs,parquet \
		live:live map:map; do \
		$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url \
			-c requirements/dev.txt --extra trace $$(echo ,$${image#*:} | sed 's/,/ --extra /g') \
			pyproject.toml -o requirements/$${image%%:*}.txt || exit 1; done

release-dry: $(VENV)/dev.stamp
	$(BIN)/python scripts/release.py $(if $(TAG),--tag "$(TAG)")

release-protos: $(VENV)/dev.stamp
	$(BIN)/buf build protos --exclude-source-info \
		-o "protos/released/$$($(BIN)/python -c 'import sketchzoo; print(sketchzoo.__version__)').binpb"

clean:
	rm -rf $(VENV) build sketchzoo/libink.so *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/uv.stamp: requirements/uv.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt
	touch $@

# What runs, and nothing that trains: no torch. Installing compiles sketchzoo/ink.c, where there is a compiler.
$(VENV)/demo.stamp: $(VENV)/uv.stamp requirements/demo.txt pyproject.toml hatch_build.py sketchzoo/ink.c
	$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/demo.txt
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@test -f sketchzoo/libink.so || echo "no C compiler: drawings are prepared with NumPy, which takes longer"
	touch $@

$(VENV)/dev.stamp: $(VENV)/demo.stamp requirements/dev.txt
	$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.txt
	touch $@
