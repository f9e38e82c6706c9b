"""The name under which the project's Keras layers are registered, so that a saved model finds them again."""

PACKAGE = "recurrent_applications"
