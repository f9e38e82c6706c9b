PYTHON ?= python3
BIN := .venv/bin

# A long installation says every few seconds how far it is.
define with_signs_of_life
($(1)) & job=$$!; trap 'kill $$job 2>/dev/null' INT TERM; waited=0; while kill -0 $$job 2>/dev/null; do sleep 1; waited=$$((waited + 1)); \
	if [ $$((waited % 8)) -eq 0 ]; then echo "  ... $$waited seconds, $$(du -sm $(2) 2>/dev/null | cut -f1) MB"; fi; done; wait $$job
endef

.PHONY: help setup run run-all serve page page-offline test test-fast bench-layers bench-forecasting check-loaders clean

help: ## list what can be made
	@sed -nE 's/^([a-z%-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | sed 's/run-%/run-NAME/' | expand -t 26

setup: .venv/.ready ## make .venv and install the project with its test tools

# The mark is made last, so an interrupted set-up is begun anew.
.venv/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else "error: Python 3.11 to 3.13 is needed; this is " + sys.version.split()[0] + " (name another: make PYTHON=python3.12 ...)")'
	@echo "setting up .venv: TensorFlow and the rest, about 3 GB on disk"
	@$(PYTHON) -m venv .venv
	@$(call with_signs_of_life,$(BIN)/python -m pip install -qq --upgrade pip && $(BIN)/python -m pip install -qq --editable ".[test]",.venv)
	@touch $@

run: setup ## ask every shipped model what it is made for, then train, export, measure and ask one of your own (two minutes)
	@$(BIN)/python -m applications.walk

run-%: setup ## the same for one application, from its shipped model to one of your own: make run-text_generation
	@$(BIN)/python -m applications.walk $*

run-all: setup ## the same for all applications (an hour)
	@$(BIN)/python -m applications.walk --everything

serve: setup ## answer TensorFlow Serving's requests with the shipped models, REST on port 8501 and gRPC on 8500
	$(BIN)/python -m common.serving.server --models saved_models

page: setup ## the page in the browser, for all shipped models, on port 8501 of this machine
	$(BIN)/python -m common.serving.server --models saved_models --page

OFFLINE := build/offline
ONNXRUNTIME_WEB := 1.30.0

page-offline: setup ## make build/offline, a page that writes and suggests in the browser with no server (npm fetches ONNX Runtime)
	@command -v npm >/dev/null || { echo "error: npm is needed, which fetches onnxruntime-web"; exit 1; }
	rm -rf $(OFFLINE) build/onnx_models && mkdir -p $(OFFLINE)/runtime
	npm pack --silent --pack-destination build onnxruntime-web@$(ONNXRUNTIME_WEB)
	tar -xzf build/onnxruntime-web-$(ONNXRUNTIME_WEB).tgz -C $(OFFLINE)/runtime --strip-components=2 \
		package/dist/ort.wasm.min.mjs package/dist/ort-wasm-simd-threaded.mjs package/dist/ort-wasm-simd-threaded.wasm
	for name in text_generation keyboard; do \
		$(BIN)/python -m applications.$$name.export --run saved_models/$$name/1 --format onnx --quantize int8 --output build/onnx_models/$$name \
		&& cp -r build/onnx_models/$$name/1 $(OFFLINE)/$$name || exit 1; done
	cp common/serving/offline_page/* $(OFFLINE)
	@echo "look at it: $(BIN)/python -m http.server --directory $(OFFLINE) --bind 127.0.0.1 8080"

test: setup ## format, lint, types, and all tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadgroup

test-fast: setup ## the same without the tests that take long, such as those that train models or ask shipped ones
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadgroup

bench-layers: setup .venv-bench/.ready ## time the recurrent layers against Keras, PyTorch and ONNX Runtime
	$(BIN)/python -m benchmarks.recurrent

.venv-bench/.ready: benchmarks/recurrent/requirements.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install -qq --requirement benchmarks/recurrent/requirements.txt
	@touch $@

bench-forecasting: setup .venv-bench-forecasting/.ready ## time and score the forecaster beside StatsForecast and NeuralForecast
	$(BIN)/python -m benchmarks.forecasting

.venv-bench-forecasting/.ready: benchmarks/forecasting/requirements.txt
	$(PYTHON) -m venv .venv-bench-forecasting
	.venv-bench-forecasting/bin/python -m pip install -qq --requirement benchmarks/forecasting/requirements.txt
	@touch $@

check-loaders: setup ## ask the shipped models through the C++ loaders of older versions of TensorFlow
	$(BIN)/python -m benchmarks.loaders

clean: ## remove the environment and all runs
	rm -rf .venv .venv-bench .venv-bench-forecasting .venv-tensorflow-* runs
