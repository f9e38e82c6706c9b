"""The learning in the graph against the same rules in plain Python, and what a user is promised."""

import unicodedata
from functools import cache

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from applications.keyboard.learning import Learner, Typed
from applications.keyboard.user_state import KINDS, Choice, Sizes, UserState, empty_state, row, stacked
from applications.keyboard.word_numbers import folded

WORDS = ("see", "you", "because", ".", "the", "monday")
SIZES = Sizes(words=len(WORDS) + 3, width=4, network=5, lexicon=3, cache=20, counts=24, blocked=2)
ROOMY = Sizes(words=len(WORDS) + 3, width=4, network=5, lexicon=30, cache=400, counts=900, blocked=2)
HALF_LIFE = 10_000


def in_lower_case(words):
    return tf.strings.lower(tf.strings.regex_replace(words, "’", "'"), encoding="utf-8")


def specs(sizes):
    """Of one call with any number of users and words."""
    strings, integers = (tf.TensorSpec([None, None], kind) for kind in (tf.string, tf.int32))
    states = UserState(
        *(
            tf.TensorSpec([None, *sizes.shapes[name]], tf.string if kind.dtype is object else kind.dtype)
            for name, kind in KINDS.items()
        )
    )
    return [Typed(strings, integers, tf.TensorSpec([None, None, sizes.width]), integers), states]


@cache
def observe(sizes):
    return tf.function(Learner(sizes, WORDS, in_lower_case).observe, input_signature=specs(sizes))


def number(word):
    if word == "\n":
        return 2
    return WORDS.index(folded(word)) + 3 if folded(word) in WORDS else 1 if word.isdigit() else 0


def query(word, width=4):
    seed = sum(word.encode()) % 1000
    return np.random.default_rng(seed).normal(size=width).astype(np.float32)


def typed(events):
    """A batch of one from pairs of a word and a choice."""
    words = [word.encode() for word, _ in events]
    return Typed(
        tf.constant([words], tf.string, [1, len(words)]),
        tf.constant([[number(word) for word, _ in events]], tf.int32, [1, len(words)]),
        tf.constant([[query(word) for word, _ in events]], tf.float32, [1, len(words), 4]),
        tf.constant([[choice for _, choice in events]], tf.int32, [1, len(words)]),
    )


def observed(events, state=None, sizes=SIZES):
    states = stacked(empty_state(sizes) if state is None else state)
    return row(observe(sizes)(typed(events), UserState(*map(tf.constant, states))), 0)


def text(line, choice=Choice.TYPED):
    return [(word, choice) for word in line.split(" ")]


def assert_same(state, other, but=()):
    for name in KINDS:
        if name not in but:
            np.testing.assert_array_equal(getattr(state, name), getattr(other, name), err_msg=name)


class Model:
    """The learning rules in plain Python: lists of slots, one dictionary each, None in an empty one."""

    def __init__(self, sizes):
        self.sizes = sizes
        self.lexicon = [None] * sizes.lexicon
        self.counts = [None] * sizes.counts
        self.cache = [None] * sizes.cache
        self.bias = dict.fromkeys(range(sizes.numbers), 0)
        self.passed, self.recent = [None] * 48, []
        self.context, self.clock, self.cached = (2, 2), 0, 0

    def slot(self, word):
        slots = [k for k, own in enumerate(self.lexicon) if own and folded(own["word"]) == folded(word)]
        return slots[0] if slots else None

    def unit(self):
        return round(256 * 2 ** (self.clock % HALF_LIFE * 64 // HALF_LIFE / 64))

    @staticmethod
    def near_miss(word):
        frequent = [known for known in WORDS if known.isalpha()]
        letters = sorted(set("".join(frequent) + word))
        cuts = [(word[:k], word[k:]) for k in range(len(word) + 1)]
        near = {a + b[1:] for a, b in cuts} | {a + c + b[1:] for a, b in cuts for c in letters}
        near |= {a + c + b for a, b in cuts for c in letters}
        near |= {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
        return len(word) >= 4 and not near.isdisjoint(frequent)

    @staticmethod
    def learnable(word, accepted):
        digits = sum(unicodedata.category(c)[0] == "N" for c in word)
        letters = sum(unicodedata.category(c)[0] == "L" for c in word)
        is_code = digits > 0 and len(word) >= 8
        never = not letters or digits >= 4 or "@" in word or "://" in word or len(word.encode()) > 48
        return not never and (accepted or not is_code)

    def forget(self, number):
        self.lexicon[number - self.sizes.words] = None
        self.counts = [
            None if slot and number in (*slot["context"], slot["word"]) else slot for slot in self.counts
        ]
        self.cache = [None if slot and slot["word"] == number else slot for slot in self.cache]
        self.passed = [None if slot and number in slot["key"] else slot for slot in self.passed]
        self.bias[number] = 0
        nothing = {"word": 0, "count": 0, "sightings": 0, "used": 0, "bias": 0, "slot": None}
        for place, slot in enumerate(self.recent):
            context = tuple(0 if word == number else word for word in slot["context"])
            self.recent[place] = {**(nothing if slot["word"] == number else slot), "context": context}
        self.context = tuple(0 if word == number else word for word in self.context)

    def type(self, word, times):
        self.clock += 1
        if self.clock % HALF_LIFE == 0:
            for slot in [*self.recent, *filter(None, self.counts)]:
                slot["count"] //= 2
            self.counts = [slot if slot and slot["count"] >= 16 else None for slot in self.counts]
        before, last = self.context
        entry = {"word": number(word), "context": self.context, "count": 0, "sightings": 0, "used": 0}
        if entry["word"] == 0 and (self.learnable(word, times == 2) or self.slot(word) is not None):
            self.sight(word, times, entry)
        entry |= {"bias": 0, "slot": None}
        if self.context != (before, last):
            before, last = entry["context"] = self.context
        if entry["word"]:
            entry["count"] = times * self.unit()
            for context in ((), (last,), (before, last)):
                self.count(context, entry["word"], entry["count"])
            bias = min(self.bias[entry["word"]] + times - 1, 20)
            entry["bias"], self.bias[entry["word"]] = bias - self.bias[entry["word"]], bias
            entry["slot"] = self.cached % self.sizes.cache
            self.cache[entry["slot"]] = {"word": entry["word"], "query": query(word)}
            self.cached += 1
            key = (before, last, entry["word"])
            self.passed = [None if slot and slot["key"] == key else slot for slot in self.passed]
        self.recent = [entry, *self.recent][:20]
        self.context = (self.context[1], entry["word"])

    def sight(self, word, times, entry):
        slot = self.slot(word)
        is_new = slot is None
        if is_new:

            def until(k):
                own = self.lexicon[k]
                if own is None:
                    return -1
                is_offered = own["halves"] >= 2 * own["required"]
                keeping = 20_000 if is_offered and own["halves"] >= 6 else 5_000 if is_offered else 0
                return own["used"] + keeping

            slot = min(range(self.sizes.lexicon), key=until)
            if self.lexicon[slot]:
                self.forget(self.sizes.words + slot)
            required = 3 if self.near_miss(folded(word)) else 2
            self.lexicon[slot] = {"halves": 0, "required": required, "since": self.clock, "used": 0}
        own = self.lexicon[slot]
        if is_new or self.context[1] not in (2, WORDS.index(".") + 3):
            own["word"] = word
        entry |= {"word": self.sizes.words + slot, "sightings": 2 * times, "used": own["used"]}
        own["halves"] += 2 * times
        own["used"] = self.clock

    def count(self, context, word, amount):
        slots = [k for k, slot in enumerate(self.counts) if slot and slot["key"] == (context, word)]
        if not slots:
            slots = [
                min(range(self.sizes.counts), key=lambda k: self.counts[k]["count"] if self.counts[k] else 0)
            ]
            self.counts[slots[0]] = {
                "key": (context, word),
                "context": context,
                "word": word,
                "count": 0,
                "since": self.clock // 64,
            }
        slot = self.counts[slots[0]]
        slot["count"] = min(slot["count"] + amount, 60_000)

    def uncount(self, contexts, word, amount):
        for k, slot in enumerate(self.counts):
            if slot and slot["word"] == word and slot["context"] in contexts:
                slot["count"] -= amount
                if slot["count"] <= 0:
                    self.counts[k] = None

    def unsight(self, number, halves):
        if number >= self.sizes.words:
            own = self.lexicon[number - self.sizes.words]
            own["halves"] -= halves
            if own["halves"] <= 0:
                self.forget(number)

    def resolved(self, word):
        slot = self.slot(word)
        return self.sizes.words + slot if number(word) == 0 and slot is not None else number(word)

    def pass_over(self, word):
        word = self.resolved(word)
        if word == 0:
            return
        before, last = self.context
        key = (before, last, word)
        places = [k for k, slot in enumerate(self.passed) if slot and slot["key"] == key]
        empty = [k for k, slot in enumerate(self.passed) if slot is None]
        place = (places or empty or [47])[0]
        slot = {"key": key, "times": 1 + (self.passed[place]["times"] if places else 0)}
        self.passed = [slot, *self.passed[:place], *self.passed[place + 1 :]]
        if slot["times"] == 3:
            self.passed[0] = None
            self.uncount([(last,), (before, last)], word, self.unit() // 2)
            self.bias[word] = max(self.bias[word] - 1, -20)
            self.unsight(word, 1)

    def delete(self, word):
        word = self.resolved(word)
        places = [k for k, slot in enumerate(self.recent) if slot["word"] == word]
        if not places:
            return
        entry = self.recent.pop(places[0])
        before, last = entry["context"]
        if places[0] == 0:
            self.context = entry["context"]
            if entry["slot"] is not None and entry["slot"] == (self.cached - 1) % self.sizes.cache:
                self.cached -= 1
        self.uncount([(), (last,), (before, last)], word, entry["count"])
        self.bias[word] -= entry["bias"]
        slot = entry["slot"]
        if slot is not None and self.cache[slot] and self.cache[slot]["word"] == word:
            self.cache[slot] = None
        if word >= self.sizes.words:
            self.lexicon[word - self.sizes.words]["used"] = entry["used"]
        self.unsight(word, entry["sightings"])

    def observe(self, events):
        for word, choice in events:
            if choice in (Choice.TYPED, Choice.ACCEPTED):
                self.type(word, int(choice))
            elif choice == Choice.PASSED_OVER:
                self.pass_over(word)
            elif choice == Choice.DELETED:
                self.delete(word)
            elif choice == Choice.PRIVATE:
                self.context, self.recent = (0, 0), []

    def assert_equals(self, state):
        for k, own in enumerate(self.lexicon):
            own = own or {"word": "", "halves": 0, "required": 0, "since": 0, "used": 0}
            assert state.lexicon_words[k].decode() == own["word"]
            assert state.lexicon_sightings[k] == own["halves"]
            assert state.lexicon_required[k] == own["required"]
            assert (state.lexicon_since[k], state.lexicon_used[k]) == (own["since"], own["used"])
        for k, slot in enumerate(self.counts):
            slot = slot or {"context": (), "word": -1, "count": 0, "since": 0}
            assert tuple(state.count_contexts[k]) == ((-1, -1) + slot["context"])[-2:]
            assert state.count_words[k] == slot["word"]
            assert (state.counts[k], state.count_since[k]) == (slot["count"], slot["since"])
        for k, slot in enumerate(self.cache):
            assert state.cache_words[k] == (slot["word"] if slot else -1)
            restored = state.cache_keys[k].astype(np.float64) * state.cache_scales[k]
            np.testing.assert_allclose(restored, slot["query"] if slot else 0.0, atol=0.02)
        assert dict(enumerate(state.bias.tolist())) == self.bias
        for k, slot in enumerate(self.passed):
            assert tuple(state.passed[k]) == ((*slot["key"], slot["times"]) if slot else (-1,) * 4)
        assert [tuple(entry[:3]) for entry in state.recent if entry[0] >= 0] == [
            (slot["word"], *slot["context"]) for slot in self.recent
        ]
        assert tuple(state.context) == self.context
        assert (state.clock, state.cached) == (self.clock, self.cached)


VOCABULARY = (
    "See",
    "you",
    ".",
    "\n",
    "22",
    "Zoe",
    "zoe",
    "teh",
    "becuase",
    "Lindqvist",
    "bob@x.org",
    "x1y2z3",
)
EVENTS = st.lists(
    st.tuples(st.sampled_from((*VOCABULARY, "héllo", "model-90")), st.sampled_from(list(Choice)[1:5])),
    max_size=60,
)


@settings(max_examples=40, deadline=None)
@example(text("Zoe Zoe Lindqvist Lindqvist teh héllo see"), SIZES)
@given(EVENTS, st.sampled_from([SIZES, ROOMY]))
def test_the_graph_learns_as_the_rules_say(events, sizes):
    model = Model(sizes)
    model.observe(events)
    model.assert_equals(observed(events, sizes=sizes))


@pytest.mark.parametrize("clock", [HALF_LIFE - 3, HALF_LIFE - 1, 3 * HALF_LIFE + 5000])
def test_counts_fade_and_can_still_be_taken_back(clock):
    events = [*text("see you Zoe . see you Zoe"), ("Zoe", Choice.DELETED), ("you", Choice.DELETED)]
    model = Model(ROOMY)
    model.clock = clock
    model.observe(events)
    start = empty_state(ROOMY)._replace(clock=np.int32(clock))
    model.assert_equals(observed(events, start, ROOMY))


def test_a_count_is_worth_half_after_its_half_life():
    once = observed(text("see"), sizes=ROOMY)
    later = once._replace(clock=np.int32(HALF_LIFE - 1))
    later = observed(text("you"), later, ROOMY)
    counts = dict(zip(later.count_words.tolist(), later.counts.tolist(), strict=True))
    assert counts[3] * 2 == counts[4]


@settings(max_examples=15, deadline=None)
@given(EVENTS, st.integers(0, 60))
def test_the_same_text_makes_the_same_bytes_at_once_or_in_pieces(events, cut):
    whole = observed(events)
    pieces = observed(events[cut:], observed(events[:cut]))
    assert_same(whole, pieces)
    assert all(
        np.asarray(a).tobytes() == np.asarray(b).tobytes()
        for a, b in zip(whole, pieces, strict=True)
        if a.dtype != object
    )


@settings(max_examples=15, deadline=None)
@given(EVENTS, st.sampled_from(VOCABULARY), st.sampled_from([Choice.TYPED, Choice.ACCEPTED]))
def test_a_word_deleted_at_once_leaves_no_trace(events, word, choice):
    before = observed(events, sizes=ROOMY)
    after = observed([(word, choice), (word, Choice.DELETED)], before, ROOMY)
    # What stands in the text is spelled as it was typed last, and words passed over here are forgotten on typing one;
    # the list of recent words holds twenty.
    changed = ("clock", "lexicon_words", "passed", "recent")
    assert_same(before, after, but=changed)
    if len(events) < 20:
        np.testing.assert_array_equal(before.recent, after.recent)


def sightings(state, word):
    return {
        own.decode(): int(count)
        for own, count in zip(state.lexicon_words, state.lexicon_sightings, strict=True)
        if own
    }.get(word)


@pytest.mark.parametrize(
    "word", ["1234", "2020-04", "a1b2c3d4", "bob@example.org", "https://x.org", "abcdefg1", "…", "x" * 49]
)
def test_numbers_addresses_and_codes_are_never_learned(word):
    state = observed(text(f"see {word} you {word}"), sizes=ROOMY)
    spelled = b"".join(state.lexicon_words)
    assert word.encode() not in spelled
    assert sightings(state, word) is None


def test_a_code_that_is_accepted_is_learned_and_counts_from_then_on():
    state = observed([("model-90", Choice.ACCEPTED), ("model-90", Choice.TYPED)], sizes=ROOMY)
    assert sightings(state, "model-90") == 6


@pytest.mark.parametrize("word", ["a1b2c3d4", "bob@example.org", "12345x"])
def test_what_is_secret_is_not_learned_even_if_accepted(word):
    state = observed([(word, Choice.ACCEPTED)], sizes=ROOMY)
    assert not b"".join(state.lexicon_words)


def test_private_text_leaves_nothing_and_is_no_context():
    private = [(word, Choice.PRIVATE) for word in ("my", "Secret", "see")]
    state = observed(private, sizes=ROOMY)
    assert_same(state, empty_state(ROOMY), but=("context",))
    assert state.context.tolist() == [0, 0]
    # A word deleted in private is not one typed before it.
    state = observed([*text("see"), ("see", Choice.PRIVATE), ("see", Choice.DELETED)], sizes=ROOMY)
    assert (state.counts > 0).sum() == 3


def test_users_of_one_request_do_not_mix():
    lines = ("see Zoe you Zoe", "the Lindqvist . monday", "teh teh teh you")
    alone = [observed(text(line), sizes=ROOMY) for line in lines]
    batch = [tf.concat(parts, axis=0) for parts in zip(*(typed(text(line)) for line in lines), strict=True)]
    states = stacked(*(empty_state(ROOMY) for _ in lines))
    together = observe(ROOMY)(Typed(*batch), UserState(*map(tf.constant, states)))
    for index, state in enumerate(alone):
        assert_same(row(together, index), state)


def test_no_user_and_no_word_are_fine():
    none = UserState(*(array[:0] for array in stacked(empty_state(SIZES))))
    words = Typed(*(part[:0] for part in typed(text("see you"))))
    assert observe(SIZES)(words, UserState(*map(tf.constant, none))).clock.shape == [0]
    assert_same(observed([]), empty_state(SIZES))


def test_an_own_word_outlives_words_typed_once():
    line = text("Zoe see Zoe see Zoe")
    fresh = [(f"q{letter}q", Choice.TYPED) for letter in "abcdefghijkl"]
    state = observed([*line, *fresh])
    assert sightings(state, "Zoe") == 6


def test_a_word_keeps_the_spelling_it_has_within_sentences():
    events = [
        ("Lint", Choice.TYPED),
        ("see", Choice.TYPED),
        ("lint", Choice.TYPED),
        (".", Choice.TYPED),
        ("Lint", Choice.TYPED),
    ]
    assert sightings(observed(events, sizes=ROOMY), "lint") == 6
