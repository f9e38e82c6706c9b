"""Writing SavedModels that run anywhere, and their model cards."""
