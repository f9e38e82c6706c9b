"""What a model card says that a reader of handwriting is not for."""

_LETTERS = (
    "It reads the letters that its training ink has, in the script and the languages of that ink; others are read as "
    "those of its letters that look most like them."
)
_ALIKE = "What looks alike, such as o and O or l and 1, is told apart by the letters beside it only."
_ALONE = "Do not let it decide alone on addresses, amounts or names: show what was read to whoever wrote it."

LIMITS = (
    _LETTERS,
    "It reads one line at a time, written from left to right; several lines are to be cut apart before.",
    "It needs the pen's path; a picture of writing has none.",
    _ALIKE,
    _ALONE,
)
PICTURE_LIMITS = (
    "It learnt from pen strokes that were drawn as pictures, and no set of real ones could be had: how well it reads "
    "writing that was scanned or photographed was not measured.",
    "It reads a picture of one line, whose paper is plain and covers most of it; lines are to be cut apart before, and "
    "ruled lines, frames, shadows and print beside the writing to be cut away.",
    _LETTERS,
    _ALIKE,
    _ALONE,
)
