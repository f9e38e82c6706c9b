"""What evaluation cannot tell of a model is said."""

from common.evaluation.script import warn_of_lacking


def test_classes_of_the_model_without_an_example_are_named_in_one_line(capsys):
    warn_of_lacking("reviews.csv", ["bad", "fair", "good"], ["good", "bad", "good"])
    assert capsys.readouterr().err == (
        "warning: reviews.csv has no example of 'fair': what is measured on it says nothing of this class\n"
    )
    warn_of_lacking("clips", ["_silence_", "yes"], ["yes"], but=["_silence_"])
    assert capsys.readouterr() == ("", "")
