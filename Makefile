# `make demo` and `make test` need nothing but Linux and Python 3.10, 3.11 or 3.12: they make .venv when it is missing.
# Another Python than the first that fits: make PYTHON=/path/to/python.

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs results pictures compare replicate race bench build lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

.venv/.complete: requirements/cpu.lock requirements/torch.lock pyproject.toml scripts/make_env.sh
	@scripts/make_env.sh $(PYTHON)

demo: .venv/.complete ## train a toy model with verl on this machine's CPU and show what it learned
	.venv/bin/verl-reflect demo --out runs/demo

test: .venv/.complete ## all tests: the quick ones, then those that run verl's trainer
	.venv/bin/python -m pytest -m "not e2e"
	.venv/bin/python -m pytest -m e2e

lint: .venv/.complete ## style, format, types, who imports whom, and a module for each test file
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python scripts/check_tests_layout.py

docs: .venv/.complete ## the documents as a site, in site/; a link that leads nowhere is an error
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet

results: .venv/.complete ## train over two seeds with the control; writes the table and picture of the README
	.venv/bin/python -m recipes.tiny_model results

pictures: results ## the report's pictures in docs/, of the same trainings (needs chromium)
	.venv/bin/python scripts/report_pictures.py

compare: .venv/.complete ## train every credit choice and control over three seeds (two hours); writes the README's comparison
	.venv/bin/python -m recipes.tiny_model compare

replicate: .venv/.complete ## the paper's questions, asked of small models (50 minutes); writes docs/replication.md
	.venv/bin/python -m recipes.replication

race: .venv/.complete ## TRL, stock verl and verl-reflect at the same work (a quarter of an hour); writes docs/performance.md
	.venv/bin/python -m recipes.race --section tiny

bench: .venv/.complete ## every benchmark
	@set -e; for script in benchmarks/bench_*.py; do echo "== $$script"; .venv/bin/python "$$script"; done

build: .venv/.complete ## the wheel, in dist/
	@rm -rf build # else what an earlier one left there is packed too
	.venv/bin/python -m pip wheel --disable-pip-version-check --quiet --no-deps --no-build-isolation --wheel-dir dist .

lock: ## pin the dependencies anew, keeping versions that still fit (needs uv; with UPGRADE=--upgrade the newest)
	uv pip compile --quiet --universal --python-version 3.10 --extra plot --extra test --extra docs --no-annotate $(UPGRADE) \
	    --custom-compile-command "make lock (docs/install.md)" \
	    --excludes requirements/cpu.excludes pyproject.toml requirements/cpu.in --output-file requirements/cpu.lock
	uv pip compile --quiet --python-version 3.12 --python-platform x86_64-manylinux_2_31 --no-annotate $(UPGRADE) \
	    --extra vllm --extra plot --extra test --custom-compile-command "make lock (docs/install.md)" \
	    pyproject.toml requirements/gpu.in --output-file requirements/gpu.lock

clean: ## remove what builds and tests left; .venv and runs stay
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	find . -path ./.venv -prune -o -name __pycache__ -exec rm -rf {} +
