# `make demo` and `make test` need Python 3.11 or later and make; everything else goes into .venv.
# Another interpreter: make test PYTHON=/path/to/python3.12

PYTHON ?= $(shell command -v python3 || command -v python3.13 || command -v python3.12 || command -v python3.11)
BIN := .venv/bin
WORKERS ?= 3  # processes that test side by side; tests wait often, so one more than two cores; with four it takes as long

.PHONY: demo test checks bench chaos mutants fuzz clean environment-demo environment-test

demo: environment-demo
	@$(BIN)/remit demo

test: environment-test checks
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# pytest is not among these: its closing line is the last that `make test` prints.
checks:
	@echo "remit: ruff check" && $(BIN)/ruff check --quiet --output-format concise .
	@echo "remit: ruff format --check" && $(BIN)/ruff format --check --quiet . \
		|| { echo "run: $(BIN)/ruff format ."; $(BIN)/ruff format --check . | head -20; exit 1; }
	@echo "remit: mypy --strict" && { out=$$($(BIN)/mypy --strict --num-workers 2 --no-error-summary 2>&1) || case "$$out" in \
		*"INTERNAL ERROR"*) $(BIN)/mypy --strict --no-error-summary;; *) echo "$$out"; exit 1;; esac; }  # its workers meet in a second or never
	@echo "remit: import contracts" && out=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$out"; exit 1; }

bench: environment-test
	@$(BIN)/python -m bench

# Ten thousand kills and every schedule of the protocol, which takes half an hour or so on two cores; REMIT_CHAOS_KILLS=1000 for fewer, REMIT_CHAOS_SEED=N for
# others. The tables are printed, and .bench/chaos/*.json has them too.
chaos: environment-test
	@REMIT_CHAOS_LONG=1 REMIT_CHAOS_REPORT=.bench/chaos $(BIN)/pytest -s tests/chaos tests/protocol

# Breaks the gate in one small way at a time and runs its tests on it; an hour or so. MODULES="judge fields" for some of it.
mutants: environment-test
	@$(BIN)/python scripts/mutants.py $(MODULES)

# A minute for each of what reads a stranger's words; TARGETS="values yaml" for some. Needs: .venv/bin/pip install atheris
fuzz: environment-test
	@$(BIN)/python scripts/fuzz.py $(TARGETS)

environment-demo environment-test: environment-%:
	@test -n "$(PYTHON)" || { echo "remit: no python3 on the PATH; install Python 3.11 or later" >&2; exit 1; }
	@"$(PYTHON)" scripts/environment.py $*

# The databases and weights of the user's data and cache folders are not touched.
clean:
	rm -rf .venv .bench dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
