"""Sentiment analysis: text -> label, by a recurrent classifier."""
