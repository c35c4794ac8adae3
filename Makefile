# make install all is put into .venv, and nothing else is done
# make demo    a small library is rendered, indexed and asked, then served (SERVE=0: only asked)
# make test    all tests but the slow ones, against a real Postgres (make test-slow: those)
# make soak    faults in numbers: workers and Postgres killed, disks filled, a huge import
# make lint    ruff and mypy
# make screenshots    the pictures in docs/images, taken anew
PYTHON ?= python3
SERVE ?= 1
# Tests wait for processes and browsers a third of their time, so there is work for one more than cores.
TESTS_AT_A_TIME ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

BIN := .venv/bin
INSTALL := $(BIN)/pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: install demo test test-slow soak lint format screenshots clean

install: .venv/installed

demo: .venv/installed
	$(BIN)/sceneql demo $(if $(filter 0,$(SERVE)),--no-serve)

test: .venv/installed-dev
	$(BIN)/pytest --numprocesses $(TESTS_AT_A_TIME) --dist loadfile --no-loadscope-reorder

test-slow: .venv/installed-dev
	$(BIN)/pytest -m slow

soak: .venv/installed-dev
	$(BIN)/pytest -m soak -s

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: .venv/installed-dev
	$(BIN)/python docs/screenshots.py

# The libraries under var/ are no build products: they stay.
clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache *.egg-info

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "SceneQL needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; \
		exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing SceneQL and its packages (some minutes the first time)"
	$(INSTALL) --editable .
	@touch $@

.venv/installed-dev: .venv/installed
	@echo "installing what the tests need"
	$(INSTALL) --editable '.[dev]'
	@touch $@
