# Two commands matter to a newcomer: `make demo` and `make test`. Everything runs in .venv.
PYTHON ?= python3
BIN := .venv/bin
PIP_FLAGS := --quiet --disable-pip-version-check --require-hashes --only-binary :all:
RUN := $(BIN)/.installed-run
DEV := $(BIN)/.installed-dev
CODE := daemon rules sinks storage tests bench

.PHONY: help demo run test laws check fmt lint types imports bench schema lock clean
help:
	@echo "make demo    venues in a box, a daemon against them, alerts on this console (DEMO_S=30 stops by itself)"
	@echo "make run     the live venues that need no key, with rules.example.yaml"
	@echo "make test    the whole test suite"
	@echo "make laws    the laws of delivery at length (EXAMPLES=1000 MINUTES=30; SEED=7 MACHINE=troubles plays a round again)"
	@echo "make check   format, lint, types, import contracts"
	@echo "make bench   the measurements of docs/performance.md"
	@echo "make schema  renew rules.schema.json, which editors read"
	@echo "make lock    renew requirements.lock and requirements-dev.lock"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tocsin needs Python 3.11 or later; say: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python could not make a virtual environment; on Debian and Ubuntu: apt install python3-venv"; exit 1; }

$(RUN): requirements.lock pyproject.toml | $(BIN)/python
	@echo "installing the locked dependencies (a minute at most) ..."
	@$(BIN)/pip install $(PIP_FLAGS) -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): requirements-dev.lock $(RUN)
	@$(BIN)/pip install $(PIP_FLAGS) -r requirements-dev.lock
	@touch $@

demo: $(RUN)
	@$(BIN)/tocsin demo $(if $(DEMO_S),--seconds $(DEMO_S))

run: $(RUN)
	@$(BIN)/tocsin run

test: $(DEV)
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

laws: $(DEV)
	$(BIN)/python -m tests.storage.at_length $(if $(MACHINE),--machine $(MACHINE)) $(if $(EXAMPLES),--examples $(EXAMPLES)) \
		$(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

check: $(DEV)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(DEV)
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)
lint: $(DEV)
	$(BIN)/ruff check $(CODE)
types: $(DEV)
	$(BIN)/mypy
imports: $(DEV)
	$(BIN)/lint-imports

bench: $(RUN)
	$(BIN)/python -m bench

schema: $(RUN)
	@$(BIN)/tocsin schema > rules.schema.json

lock:
	@$(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install --quiet uv
	.venv/lock/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet --upgrade -o requirements.lock
	.venv/lock/bin/uv pip compile pyproject.toml --extra dev -c requirements.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet --upgrade -o requirements-dev.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
