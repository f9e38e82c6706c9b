"""Measures an exported model: accuracy, F1, ROC AUC, log loss and calibration, with pictures and the worst mistakes.

python -m applications.sentiment_analysis.evaluate --model saved_models/sentiment_analysis --data imdb_reviews
"""
