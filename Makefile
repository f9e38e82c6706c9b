PYTHON ?= python3
BIN := .venv/bin
SENTIMENT := $(BIN)/python -m applications.sentiment_analysis
RUN := runs/sentiment_analysis/sample

.PHONY: setup run test bench-layers clean

setup: .venv/.ready ## make .venv and install the project with its test tools

# The mark is made last, so an interrupted set-up is begun anew.
.venv/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else "error: Python 3.11 to 3.13 is needed; this is " + sys.version.split()[0] + " (name another: make PYTHON=python3.12 ...)")'
	@echo "setting up .venv: TensorFlow and the rest, about 3 GB on disk"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -qq --upgrade pip
	$(BIN)/python -m pip install -qq --editable ".[test]"
	@touch $@

run: setup ## classify with the shipped model, then train, evaluate, export and use one of your own
	@echo "== The shipped model"
	$(SENTIMENT).predict --model saved_models/sentiment_analysis/1 "not bad at all, I loved it" "a great cast, but the story goes nowhere"
	@echo "== A model of your own, from nothing: train"
	$(SENTIMENT).train sample --overwrite
	@echo "== export"
	@rm -rf $(RUN)/saved_models
	$(SENTIMENT).export --run $(RUN) --output $(RUN)/saved_models/sentiment_analysis
	@echo "== evaluate on the part of the sample that training never saw"
	$(SENTIMENT).evaluate --model $(RUN)/saved_models/sentiment_analysis --data sample --output $(RUN)/evaluation
	@echo "== predict with it"
	$(SENTIMENT).predict --model $(RUN)/saved_models/sentiment_analysis "not bad at all, I loved it" "dull, slow and far too long"

test: setup ## format, lint, types, and all tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2

bench-layers: setup .venv-bench/.ready ## time the recurrent layers against Keras, PyTorch and ONNX Runtime
	$(BIN)/python -m benchmarks.recurrent

.venv-bench/.ready: benchmarks/recurrent/requirements.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install -qq --requirement benchmarks/recurrent/requirements.txt
	@touch $@

clean: ## remove the environment and all runs
	rm -rf .venv .venv-bench runs
