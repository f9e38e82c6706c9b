"""Text generation: the beginning of a text -> its continuation, by a recurrent model of characters."""

from common.application import Application, Question

_SAMPLING = {"temperature": 0.8, "top_k": 0, "top_p": 1.0}

APPLICATION = Application(
    name="text_generation",
    title="Text generation",
    takes="the beginning of a text",
    gives="its continuation",
    knows="the plays of Shakespeare, letter by letter",
    questions=(
        Question(
            "how a play of Shakespeare's most probably goes on",
            "ROMEO:",
            flags=("--length", "50", "--temperature", "0", "--seed", "7"),
            inputs={"length": 50, "seed": 7, **_SAMPLING, "temperature": 0.0},
        ),
        Question(
            "how another may go on",
            "First Citizen:",
            flags=("--length", "200", "--seed", "7"),
            inputs={"length": 200, "seed": 7, **_SAMPLING},
        ),
    ),
    served_input="prefix",
    sample_questions=(
        Question(
            "how a function in Python goes on",
            "def ",
            flags=("--length", "300", "--temperature", "0.7", "--seed", "7"),
            inputs={"length": 300, "seed": 7, **_SAMPLING, "temperature": 0.7},
        ),
    ),
)
