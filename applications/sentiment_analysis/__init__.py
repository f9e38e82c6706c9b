"""Sentiment analysis: text -> label, by a recurrent classifier."""

from common.application import Application, Question

APPLICATION = Application(
    name="sentiment_analysis",
    title="Sentiment analysis",
    takes="a text",
    gives="its label and the label's probability",
    knows="English film reviews, whole or in a sentence: negative or positive",
    questions=(
        Question("whether a review praises, though it begins with a not", "not bad at all, I loved it"),
        Question(
            "whether a review blames, though it begins with praise",
            "a great cast, but the story goes nowhere",
        ),
    ),
)
