"""Whether TensorFlow's C++ loaders of older versions answer with the models as this one does."""
