# The two commands are `make search` and `make test`; both make .venv and install first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1

.PHONY: search test proof check docs format golden cuda cuda-wheels clean

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV): about 6 GB, once."
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev --editable .
	touch $@

search: $(VENV)/.installed
	$(BIN)/nas search --budget 4m

PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 30

test: $(VENV)/.installed
	$(PYTEST) -m "not proof"

proof: $(VENV)/.installed
	$(PYTEST) -m proof

check: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) docs

# Into site/. The variable turns off a banner about MkDocs 2.
docs: $(VENV)/.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

golden: $(VENV)/.installed
	$(BIN)/python -m pytest tests/render tests/cli/test_cli_reference.py tests/replay tests/docs --regenerate-golden

# For a machine with a GPU and torch, where nothing is installed and nothing can be fetched: what
# it may lack is carried there in dist/wheels. CUDA_PYTHON is that machine's version.
CUDA_PYTHON ?= 3.12
CARRIED := pydantic sqlalchemy alembic pyyaml pytest pytest-timeout hypothesis

cuda-wheels: $(VENV)/.installed
	rm -rf dist/wheels
	$(BIN)/python -m pip download --quiet --only-binary :all: --python-version $(CUDA_PYTHON) \
		--platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 \
		--constraint constraints.txt --dest dist/wheels $(CARRIED)

cuda:
	PYTHON=$(PYTHON) bash benchmarks/gpu_checks.sh

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist site
