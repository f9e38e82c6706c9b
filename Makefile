PYTHON ?= python3
BIN := .venv/bin

# What `make run` asks each application's shipped model, a line per application. The model that it then trains on the
# application's sample is asked the same, unless there is an own.<application>; train.<application> are further flags of its training. Where files are
# asked about, sample.<application> are the flags with which its sample writes some first.
sample.image_captioning := --output runs/image_captioning/scenes --count 3
ask.image_captioning := runs/image_captioning/scenes
train.image_captioning := --pretraining-epochs 2 --epochs 3
ask.sentiment_analysis := "not bad at all, I loved it" "a great cast, but the story goes nowhere"
sample.speech_commands := --output runs/speech_commands/words --count 5
ask.speech_commands := runs/speech_commands/words
ask.text_generation := "ROMEO:" --length 200 --seed 7
own.text_generation := "def " --length 300 --temperature 0.7 --seed 7
ask.translation := "A man in a blue shirt is standing on a ladder cleaning a window." "Two dogs are playing in the snow."
own.translation := "Tuesday, March 3, 1987" "twelve thousand and forty-one"
train.translation := --pairs 10000 --epochs 3
APPLICATIONS := $(sort $(patsubst ask.%,%,$(filter ask.%,$(.VARIABLES))))
RUNS := $(addprefix run-,$(APPLICATIONS))

.PHONY: setup run $(RUNS) serve test bench-layers check-loaders clean

setup: .venv/.ready ## make .venv and install the project with its test tools

# The mark is made last, so an interrupted set-up is begun anew.
.venv/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else "error: Python 3.11 to 3.13 is needed; this is " + sys.version.split()[0] + " (name another: make PYTHON=python3.12 ...)")'
	@echo "setting up .venv: TensorFlow and the rest, about 3 GB on disk"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -qq --upgrade pip
	$(BIN)/python -m pip install -qq --editable ".[test]"
	@touch $@

run: $(RUNS) ## for each application: answer with the shipped model, then train, evaluate, export and use one of your own

$(RUNS): run-%: setup ## the same for one application
	$(if $(sample.$*),$(BIN)/python -m applications.$*.sample $(sample.$*))
	@echo "== $*: the shipped model"
	$(BIN)/python -m applications.$*.predict --model saved_models/$*/1 $(ask.$*)
	@echo "== $*: a model of your own, from nothing: train"
	$(BIN)/python -m applications.$*.train sample --overwrite $(train.$*)
	@echo "== $*: export"
	@rm -rf runs/$*/sample/saved_models
	$(BIN)/python -m applications.$*.export --run runs/$*/sample --output runs/$*/sample/saved_models/$*
	@echo "== $*: evaluate on the part of the sample that training never saw"
	$(BIN)/python -m applications.$*.evaluate --model runs/$*/sample/saved_models/$* --data sample --output runs/$*/sample/evaluation
	@echo "== $*: predict with it"
	$(BIN)/python -m applications.$*.predict --model runs/$*/sample/saved_models/$* $(or $(own.$*),$(ask.$*))

serve: setup ## answer TensorFlow Serving's requests with the shipped models, REST on port 8501 and gRPC on 8500
	$(BIN)/python -m common.serving.server --models saved_models

test: setup ## format, lint, types, and all tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadgroup

bench-layers: setup .venv-bench/.ready ## time the recurrent layers against Keras, PyTorch and ONNX Runtime
	$(BIN)/python -m benchmarks.recurrent

.venv-bench/.ready: benchmarks/recurrent/requirements.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install -qq --requirement benchmarks/recurrent/requirements.txt
	@touch $@

check-loaders: setup ## ask the shipped models through the C++ loaders of older versions of TensorFlow
	$(BIN)/python -m benchmarks.loaders

clean: ## remove the environment and all runs
	rm -rf .venv .venv-bench .venv-tensorflow-* runs
