"""Each token is shown with what it adds: in colour by its sign and strength, or as a number."""

from common.predicting.contributions import coloured, numbered


def styles(tokens):
    text = coloured(tokens)
    return {text.plain[span.start : span.end]: str(span.style) for span in text.spans}


def test_colours_tell_the_direction_and_the_strength():
    found = styles([("great", 2.0), ("dull", -1.5), ("rather", 0.4), ("the", 0.05)])
    assert found == {"great": "bold green", "dull": "bold red", "rather": "green", "the": "dim"}


def test_tokens_without_any_weight_and_no_tokens_are_shown():
    assert styles([("a", 0.0)]) == {"a": "dim"}
    assert coloured([]).plain == numbered([]) == ""


def test_numbers_have_a_sign():
    assert numbered([("not", -0.126), ("bad", 1.0)]) == "not(-0.13) bad(+1.00)"
