# The whole project from a bare Debian or Ubuntu with python3 (3.11 or newer, with venv), g++, make, perl and git.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
ARRAY ?= 1x16
FRAMES ?= 60

.PHONY: setup demo test lint fmax verify clean help

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1: /p' Makefile

setup: $(STAMP) ## everything into .venv; does nothing the second time

$(STAMP): pyproject.toml
	@PYTHON="$(PYTHON)" ./.ci/preflight
	@echo "== setting up .venv (about 2 GB, some minutes the first time)"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	@$(BIN)/python -m pip --disable-pip-version-check --retries 10 --timeout 60 \
		install --quiet --progress-bar on --editable '.[all]'
	@touch $(STAMP)
	@echo "== ready: $(BIN)/stillframe --help"

demo: setup ## the main job on the built-in example, with a report
	@mkdir -p build
	$(BIN)/stillframe run pnet carphone --frames $(FRAMES) --array $(ARRAY) --report build/demo
	@echo "open build/demo/index.html in a browser"

lint: setup ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p build/types/stillframe
	@rm -f build/types/stillframe/*
	@ln -s $(CURDIR)/sw/* $(CURDIR)/hw $(CURDIR)/sim build/types/stillframe/
	MYPYPATH=build/types $(BIN)/mypy --package stillframe

test: lint ## lint, types and all tests
	$(BIN)/pytest -n 2

fmax: setup ## place and route 1x16 on an LFE5U-25F and print what limits its clock
	$(BIN)/python -m stillframe.hw.synthesis fmax 1x16@25F

clean: ## forget what was built, but for .venv
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis sim_build
