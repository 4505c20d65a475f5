# The whole project from a bare Debian or Ubuntu with python3 (3.11 or newer, with venv), g++, make, perl and git.
#
#   make demo       the main job on the built-in example, with a report
#   make test       ruff, mypy and all tests
#   make lint       only ruff and mypy
#   make fmax       place and route 1x16 on an LFE5U-25F, and what limits its clock
#   make bitstreams every board's ready bitstream into bitstreams/, one after the other
#   make verify     the tests that take long: every clip, array, threshold and mode on real video
#   make fuzz       random networks for SECONDS=600, or GRAPHS=1000 of them, from SEED=0 on
#   make setup      everything into .venv; the others do it first, and it does nothing the second time
#   make clean      forget what was built, but for .venv

PYTHON ?= python3
FRAMES ?= 60
REPORT ?= build/demo
BIN := .venv/bin
READY := icebreaker-1x4 ulx3s-25f-1x16 ulx3s-12f-1x16 ulx3s-85f-4x16
EXTRAS := video examples compile train hardware synthesis board test

.PHONY: setup demo test lint fmax bitstreams verify fuzz clean

demo: setup
	@mkdir -p build
	$(BIN)/stillframe run pnet carphone --frames $(FRAMES) --report $(REPORT)
	@echo "the report: $(CURDIR)/$(REPORT)/index.html"

setup: .venv/.complete

.venv/.complete: pyproject.toml
	@PYTHON="$(PYTHON)" .ci/preflight
	@echo "== setting up .venv: about 3 GB, some minutes the first time"
	@test -x $(BIN)/pip || "$(PYTHON)" -m venv .venv
	@for extra in $(EXTRAS); do \
		echo "== installing what '$$extra' needs"; \
		$(BIN)/pip --disable-pip-version-check install --quiet --retries 10 --timeout 60 \
			--editable ".[$$extra]" || exit 1; \
	done
	@touch $@
	@echo "== ready: $(BIN)/stillframe --help"

test: lint
	$(BIN)/pytest -n 2

# mypy does not follow an editable install that maps folders to packages: show it the package as links.
lint: setup
	$(BIN)/ruff check .
	@mkdir -p build/types/stillframe
	@rm -f build/types/stillframe/*
	@ln -s $(CURDIR)/sw/* $(CURDIR)/hw $(CURDIR)/sim $(CURDIR)/bitstreams build/types/stillframe/
	MYPYPATH=build/types $(BIN)/mypy --package stillframe

fmax: setup
	$(BIN)/python -m stillframe.bitstreams fmax 1x16@25F --seed 1

bitstreams: setup
	@for folder in $(READY); do \
		echo "== $$folder"; \
		$(BIN)/stillframe build $${folder%-*} --output bitstreams/$$folder || exit 1; \
	done

verify: setup
	$(BIN)/pytest -n 2 -m full

fuzz: setup
	PYTHONPATH=tests $(BIN)/python tests/fuzz/fuzz.py --seed $(or $(SEED),0) \
		$(if $(SECONDS),--seconds $(SECONDS)) $(if $(GRAPHS),--graphs $(GRAPHS))

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis sim_build
