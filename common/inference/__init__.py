"""Models through TensorFlow's C++ loader: what predict, evaluate and the server answer with."""
