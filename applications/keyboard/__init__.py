"""Keyboard: the text so far -> the next words, or completions of the word begun, by a recurrent model of words."""

from common.application import Application, Question

APPLICATION = Application(
    name="keyboard",
    title="Keyboard",
    takes="the text so far",
    gives="the next words",
    knows="English, of which it learns each user's own",
    questions=(
        Question("which word comes next", "I would like a cup of ", inputs={"count": 3}),
        Question("how the word begun goes on", "What do you th", inputs={"count": 3}),
    ),
    sample_questions=(Question("which word comes next", "Return a list of the ", inputs={"count": 3}),),
)
