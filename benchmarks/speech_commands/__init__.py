"""How fast the recognisers of spoken words hear, step, start and learn, beside the same networks in stock Keras.

python -m benchmarks.speech_commands --model saved_models/speech_commands
"""
