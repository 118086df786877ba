# Two commands do everything on a fresh machine: `make demo` and `make test`.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
OLDEST := .venv-lowest
PEERS := .venv-peers
SITE := .venv-docs
LOCKED := .venv/.locked
RUNS := .venv/.runs
# Images of containers often forbid it, and each of the tests' hundreds of processes would compile
# the sources anew. Empty means allowed.
export PYTHONDONTWRITEBYTECODE :=
# BLAS threads wait in a busy loop, which costs each of these processes a tenth of its time.
test test-slow test-lowest: export OPENBLAS_NUM_THREADS := 1

.PHONY: setup demo test test-slow test-lowest test-compose lint docs lock peers clean

setup: $(LOCKED)

# uv is quicker where it is present; pip does the same from the same locks.
define install
	@test -n "$(PYTHON)" || { echo 'studyhall needs Python 3.11, 3.12 or 3.13 with its venv module; name one: make PYTHON=python3.12' >&2; exit 2; }
	@if command -v uv >/dev/null; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) .venv && \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes $(1) && \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	  $(PYTHON) -m venv .venv && \
	  $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes $(1) && \
	  $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@
endef

$(LOCKED): requirements.lock pyproject.toml
	$(call install,-r requirements.lock)

# Without what only tests, linters and clusters need, which is more than half of the packages.
$(RUNS): docker/worker-cpu.lock docker/build.lock pyproject.toml
	$(call install,-r docker/worker-cpu.lock -r docker/build.lock)

demo: $(if $(wildcard $(LOCKED)),$(LOCKED),$(RUNS))
	$(BIN)/studyhall launch recipes/digits.toml
	@printf '\nNext:\n  . .venv/bin/activate\n  studyhall status digits\n  studyhall best digits\n  studyhall trials digits\n  studyhall dashboard\n'

test: $(LOCKED)
	$(BIN)/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder -m 'not slow'

test-slow: $(LOCKED)
	$(BIN)/pytest -m slow

# The tests with the oldest versions that pyproject.toml lets in. uv alone looks for those: pip
# brings it where it is not on the path.
test-lowest: $(OLDEST)/.resolved
	$(OLDEST)/bin/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder -m 'not slow'

$(OLDEST)/.resolved: pyproject.toml
	@$(PYTHON) -m venv --clear $(OLDEST)
	@command -v uv >/dev/null || $(OLDEST)/bin/pip install --quiet --disable-pip-version-check uv
	@PATH="$$PATH:$(CURDIR)/$(OLDEST)/bin"; cd $(OLDEST) && \
	  uv pip compile --quiet --only-binary :all: --resolution lowest-direct --python bin/python ../pyproject.toml \
	    --extra dev --extra bench --extra s3 --extra ray -o lowest.txt && \
	  uv pip install --quiet --python bin/python -r lowest.txt && \
	  uv pip install --quiet --python bin/python --no-deps --no-build-isolation -e ..
	@touch $@

# docker-compose.yml on the engine that runs here, or on one of our own, which takes root, docker.io,
# iptables, tini and docker-compose. Where images can't be pulled, they are made: with debootstrap.
ENGINE ?= .engine
test-compose: $(LOCKED)
	@set -e; settings=$$(tests/acceptance/engine/engine.sh start $(ENGINE)); eval "$$settings"; \
	  $(BIN)/pytest -m slow tests/acceptance/test_containers.py && status=0 || status=$$?; \
	  tests/acceptance/engine/engine.sh stop $(ENGINE); exit $$status

lint: $(LOCKED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The documentation, into site/: it opens from the disk, and fetches nothing. Strict: a link that
# leads nowhere fails.
docs: $(SITE)/.installed
	NO_MKDOCS_2_WARNING=1 $(SITE)/bin/mkdocs build --strict --quiet

$(SITE)/.installed: docs.lock
	@if command -v uv >/dev/null; then \
	  uv venv --quiet --clear --python $(PYTHON) $(SITE) && \
	  uv pip install --quiet --python $(SITE)/bin/python --require-hashes -r docs.lock ; \
	else \
	  $(PYTHON) -m venv --clear $(SITE) && \
	  $(SITE)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r docs.lock ; \
	fi
	@touch $@

# New locks after a change of dependencies: they name versions and hashes, and no host. Those of the
# images hold what each needs, in the versions of the first.
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11
IMAGE := $(COMPILE) --constraints requirements.lock
lock:
	$(COMPILE) pyproject.toml --extra dev --extra bench --extra s3 --extra ray -o requirements.lock
	$(IMAGE) pyproject.toml --extra s3 --excludes docker/without.txt -o docker/dashboard.lock
	$(IMAGE) pyproject.toml --extra s3 --extra gpu -o docker/worker.lock
	$(IMAGE) pyproject.toml --extra s3 -o docker/worker-cpu.lock
	$(IMAGE) docker/build.in -o docker/build.lock
	$(IMAGE) --group docs -o docs.lock

# What benchmarks/quality.py compares with and the product does not depend on. The list is complete;
# NVIDIA's library, which xgboost names for many GPUs, is left out.
peers: $(PEERS)/.installed

$(PEERS)/.installed: benchmarks/peers.txt
	@$(PYTHON) -m venv --clear $(PEERS)
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/peers.txt
	@touch $@

clean:
	rm -rf .venv $(OLDEST) $(PEERS) $(SITE) site .pytest_cache .mypy_cache .ruff_cache
