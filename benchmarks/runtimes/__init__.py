"""How fast, how large and how hungry one step of a model is in each runtime."""
