# make demo and make test are all a newcomer needs; .ci/run installs what these name.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo kafka test test-faults fuzz bench lint types arrows check lock clean

demo: $(VENV)/.ready
	$(BIN)/fuyuan demo

# One Apache Kafka for this machine alone, until Ctrl-C; port 9092 unless KAFKA_PORT says other.
kafka:
	$(PYTHON) deploy/kafka/broker.py

# Two files at once, each with servers of its own, the long ones first.
test: $(VENV)/.ready
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-faults: $(VENV)/.ready
	FUYUAN_FAULT_RUNS=200 FUYUAN_FAULT_RUNS_REAL=300 $(BIN)/python -m pytest tests/faults -s

# Other inputs each time, and many; what it finds is kept in .hypothesis and tried again first.
fuzz: $(VENV)/.ready
	FUYUAN_FUZZ_EXAMPLES=$${FUYUAN_FUZZ_EXAMPLES:-5000} $(BIN)/python -m pytest -n 2 --timeout 0 $$(find tests/unit -name test_fuzz.py)

bench: $(VENV)/.ready
	$(BIN)/python -m tests.bench

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready
	$(BIN)/mypy

arrows: $(VENV)/.ready
	$(BIN)/lint-imports

check: lint types arrows test

# The pinned versions, with hashes; no host and no path in it. The second is what an installation runs on.
lock: $(VENV)/.ready
	$(BIN)/pip-compile --quiet --extra dev --generate-hashes --allow-unsafe --strip-extras --no-header \
	  --no-emit-index-url --no-emit-find-links --no-annotate --output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --constraint requirements.lock --generate-hashes --allow-unsafe --strip-extras \
	  --no-header --no-emit-index-url --no-emit-find-links --no-annotate --output-file deploy/requirements.lock \
	  pyproject.toml

$(VENV)/.ready: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
	  --editable .
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache *.egg-info
