"""Translation: a sentence -> the sentence in another language, by a recurrent encoder and a decoder that attends."""

from common.application import Application, Question

APPLICATION = Application(
    name="translation",
    title="Translation",
    takes="a text",
    gives="its translation and the translation's score",
    knows="English sentences that tell what a picture shows, to put into German",
    questions=(
        Question(
            "the German of a sentence",
            "A man in a blue shirt is standing on a ladder cleaning a window.",
        ),
        Question("the German of another", "Two dogs are playing in the snow."),
    ),
    sample_training=("--pairs", "10000", "--epochs", "3"),
    sample_questions=(
        Question("a date in German", "Tuesday, March 3, 1987"),
        Question("a number in German", "twelve thousand and forty-one"),
    ),
)
