"""Answering from SavedModels."""
