# The one way in: `make` lists the targets. Each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
AUDIT := .venv-audit
DESKTOP := .venv-desktop
PYTEST_ARGS ?=
CLUSTER_ARGS ?=
# Compiled Python is kept whatever the shell says: tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo cluster cluster-down desktop test test-slow test-faults test-cluster lint audit format bench bench-service bench-snapshots bench-replay bench-desktop bench-desktop-memory bench-clients proto docs screenshots api-docs lock clean setup

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with everything pinned by hash

$(READY): requirements/dev.txt pyproject.toml clients/python/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -q && apt-get install -yq --no-install-recommends python3-venv && $(PYTHON) -m venv $(VENV); \
	  else echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; fi; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e clients/python
	@touch $@

demo: $(READY) ## start the service on the sample bank and show tellers' messages before and after masking
	@$(BIN)/python clients/python/examples/demo.py

cluster: DEBIAN := etcd:etcd-server pg_lsclusters:postgresql setpriv:util-linux
cluster: $(READY) debian ## start a whole cluster here: etcd, PostgreSQL, three nodes (CLUSTER_ARGS="--fresh --detach --base-port 17000")
	@$(BIN)/python -m deploy.cluster $(CLUSTER_ARGS) up

cluster-down: $(READY) ## stop it; its data stay
	@$(BIN)/python -m deploy.cluster $(CLUSTER_ARGS) down

desktop: DEBIAN := objdump:binutils,libxcb-icccm4,libxcb-keysyms1,libxcb-cursor0
desktop: debian ## make build/desktop/pdp-admin: the desktop program as a folder that needs no Python
	@$(PYTHON) -m venv $(DESKTOP)
	@$(DESKTOP)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/desktop.txt
	@PYTHONPATH=.:clients/python $(DESKTOP)/bin/python -m PyInstaller --noconfirm --log-level ERROR \
	  --distpath build/desktop --workpath build/desktop.work deploy/desktop/pdp-admin.spec

# What some tests talk to: Debian packages, installed where root allows; without them those tests skip and say why.
DEBIAN := haproxy:haproxy h2load:nghttp2-client openssl:openssl pg_lsclusters:postgresql strace:strace \
  cc:gcc,libc6-dev faketime:faketime etcd:etcd-server \
  ip:iproute2 iptables:iptables systemd-analyze:systemd rsyslogd:rsyslog,rsyslog-openssl npm:nodejs,npm \
  javac:default-jdk-headless mvn:maven \
  xvfb-run:xvfb,xauth,fonts-wqy-microhei,libxcb-icccm4,libxcb-keysyms1,libxcb-cursor0

.PHONY: debian
debian:
	@missing=; for pair in $(DEBIAN); do command -v $${pair%%:*} >/dev/null || missing="$$missing $$(echo $${pair#*:} | tr , ' ')"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends $$missing >/dev/null || \
	      echo "could not install:$$missing"; \
	  else echo "missing, so some tests skip; on Debian: apt-get install$$missing"; fi; fi

# Hundreds of processes share the cores with the tests. What fails among them runs once more by itself; what fails again
# has failed, and the first failure stays to be read above: it is a defect, of the test or of what is tested.
test: $(READY) debian ## check style, types and layers, then run the test suite
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS) || { [ $$? = 1 ] && \
	  echo "Once more, one at a time:" && $(BIN)/python -m pytest -v -x --last-failed --last-failed-no-failures none; }

test-slow: $(READY) ## run the long tests, and properties on many examples (JINGXI_CASES, JINGXI_TIMES set how many)
	JINGXI_TIMES=$${JINGXI_TIMES:-20} $(BIN)/python -m pytest -m "slow or hypothesis" -s $(PYTEST_ARGS)

test-faults: $(READY) debian ## kill the service and take its power, disk and store away (JINGXI_ROUNDS, JINGXI_SEED)
	$(BIN)/python -m pytest -m faults -s tests/faults $(PYTEST_ARGS)

test-cluster: $(READY) debian ## break a whole cluster in every way there is (JINGXI_ROUNDS, JINGXI_SEED, JINGXI_STORE_AWAY)
	GRPC_VERBOSITY=NONE $(BIN)/python -m pytest -m cluster -s tests/cluster $(PYTEST_ARGS)

lint: $(READY) ## style, types, layers, proto, generated code, the sample policies
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-logo
	$(BIN)/buf lint
	$(BIN)/python proto/generate.py --check
	$(BIN)/pdp check policies

audit: ## look for known weaknesses in what is pinned (skips, and says so, where advisories cannot be had)
	@$(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/audit.txt
	@$(AUDIT)/bin/python requirements/audit.py requirements/run.txt requirements/cluster.txt requirements/desktop.txt requirements/dev.txt

format: $(READY) ## format the code
	$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

bench: $(READY) ## measure decisions against the peers; table and benchmarks/results/*.json
	$(BIN)/python benchmarks/decide.py

bench-service: $(READY) ## measure the service against Cerbos under load; table, JSON and plot
	$(BIN)/python benchmarks/service.py

bench-snapshots: $(READY) debian ## measure spool, stores, queries and verification of snapshots; table and JSON
	$(BIN)/python benchmarks/snapshots.py

bench-replay: $(READY) ## measure what is done about a draft: decisions made again, policy sets compared, calls compared; table and JSON
	$(BIN)/python benchmarks/replay.py

bench-desktop: $(READY) ## measure how soon the desktop program shows records; table and JSON
	$(BIN)/python benchmarks/desktop.py

bench-desktop-memory: $(READY) ## use the desktop program for an hour and measure whether it keeps to its memory; table and JSON
	$(BIN)/python benchmarks/desktop_memory.py

bench-clients: $(READY) ## measure the clients of all languages: masking, deciding offline, asking; table and JSON
	$(BIN)/python benchmarks/clients.py

proto: $(READY) ## regenerate the protobuf code of every language
	$(BIN)/python proto/generate.py

docs: $(READY) ## run every command in README and docs
	$(BIN)/python -m pytest tests/docs -q

screenshots: DEBIAN := xvfb-run:xvfb,xauth,fonts-wqy-microhei
screenshots: $(READY) debian ## write the pictures of the desktop program's guide
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m tests.gui.screenshots

api-docs: $(READY) ## write the API documentation of the Python client to build/api/python
	$(BIN)/pdoc --output-directory build/api/python jingxi_client \
	  $(patsubst clients/python/jingxi_client/%.py,jingxi_client.%,$(wildcard clients/python/jingxi_client/[a-z]*.py))

lock: $(READY) ## pin the requirements anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11 pyproject.toml -o requirements/run.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11 --extra cluster --extra postgres --extra native --extra otel pyproject.toml -o requirements/cluster.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11 pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11 requirements/audit.in -o requirements/audit.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11 --constraint requirements/run.txt pyproject.toml requirements/desktop.in -o requirements/desktop.txt

clean: ## remove what the targets made
	rm -rf $(VENV) $(AUDIT) $(DESKTOP) build dist *.egg-info clients/python/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
