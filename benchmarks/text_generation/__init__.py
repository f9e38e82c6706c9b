"""Characters per second of the character language model, written and trained, beside the same network in stock Keras.

python -m benchmarks.text_generation --model saved_models/text_generation
"""
