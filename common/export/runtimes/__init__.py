"""The same models in other runtimes: LiteRT for phones and web pages, ONNX Runtime for most languages.

What travels is the numeric core of a model, tokens (or frames of sound) in and numbers out, in a graph of one row:
`core` says what an application gives, `convert` makes the graph, `package` writes it with what a host program needs
beside it, and publishes it only once `host`, which knows neither TensorFlow nor Keras, has answered the same in a
process of its own.
"""
