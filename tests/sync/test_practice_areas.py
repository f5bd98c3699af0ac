"""Which practice area a text is about: signs, weights, spelling, doubt, and how well the shipped rules do."""

from __future__ import annotations

import time

import pytest

from integration_console.errors import InvalidInput
from integration_console.models.practice import RULE_KINDS
from integration_console.sync.practice_areas import (
    NO_AREA,
    THRESHOLD,
    Rule,
    Rules,
    detect,
    firm_area,
    hints,
    patterns,
    signs,
)
from integration_console.sync.practice_areas import rules as shipped

from . import practice_area_sentences as sentences

STORY = (
    "Hello, last Friday my landlord taped an eviction notice to my door although I am only ten days behind on rent. "
    "I have two kids, there is mold in the bathroom and the heat has been off since Sunday. Can he put us out like "
    "this, and do I get my security deposit back? Please call me after five, thanks."
)


def rules(*signs: str) -> Rules:
    """Rules written "Family word divorce 3"."""
    parts = [sign.split(" ", 2) for sign in signs]
    return Rules(
        Rule(area, kind, *_weighted(rest), id=number) for number, (area, kind, rest) in enumerate(parts, start=1)
    )


def _weighted(rest: str) -> tuple[str, float]:
    text, _, weight = rest.rpartition(" ")
    return text, float(weight)


# -- how well it does ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("half", "least"), [("for_tuning", (0.95, 0.8)), ("kept_apart", (0.95, 0.8))])
def test_it_is_right_when_it_answers_and_answers_most(half, least):
    """issue 3: at least 0.95 precision at 0.80 coverage on the half kept apart."""
    found = sentences.measure(getattr(sentences, half)(), lambda text: detect(text, shipped.compiled()).area)

    print(f"{half}: precision {found.precision:.3f} at coverage {found.coverage:.3f}")
    assert found.precision >= least[0]
    assert found.coverage >= least[1]


@pytest.mark.parametrize("sentences_of", ["blind", "judged", "development"])
def test_sentences_that_were_learned_from_are_told(sentences_of):
    found = sentences.measure(getattr(sentences, sentences_of)(), lambda text: detect(text, shipped.compiled()).area)

    assert found.precision >= 0.99
    assert found.coverage >= 0.90


@pytest.mark.parametrize(("sentences_of", "least_many"), [("kept_back", 180), ("unseen", 600)])
def test_strangers_sentences_that_no_weight_comes_from_are_told(sentences_of, least_many):
    """The promise: 0.95 precision at 0.80 coverage."""
    kept = getattr(sentences, sentences_of)()
    found = sentences.measure(kept, lambda text: detect(text, shipped.compiled()).area)

    print(f"{sentences_of}: precision {found.precision:.3f} at coverage {found.coverage:.3f}")
    assert len(kept) >= least_many
    assert found.precision >= 0.95
    assert found.coverage >= 0.80


def test_a_higher_threshold_errs_less_and_answers_less():
    measured = [
        sentences.measure(sentences.kept_apart(), lambda text, t=t: detect(text, shipped.compiled(), t).area)
        for t in (0.4, 0.65, 0.9)
    ]

    assert [f.coverage for f in measured] == sorted((f.coverage for f in measured), reverse=True)
    assert [f.precision for f in measured] == sorted(f.precision for f in measured)


def test_the_labelled_sentences_are_many_and_some_have_no_area():
    every = sentences.every()
    bare = [sentence for sentence in every if sentence.area is None]

    assert len(every) >= 320
    assert len(sentences.development()) >= 1_500
    assert 0.05 <= len(bare) / len(every) <= 0.15
    assert len({sentence.text for sentence in every}) == len(every)
    assert {sentence.area for sentence in every} - {None} == set(shipped.areas())


def test_a_text_takes_under_a_millisecond():
    """A preview asks for thousands; the best of many tries, since other work shares the machine."""
    ready = shipped.compiled()
    tries = []
    for _ in range(200):
        began = time.perf_counter()
        detect(STORY[:300], ready)
        tries.append(time.perf_counter() - began)

    assert min(tries) < 0.001


# -- what it says ----------------------------------------------------------------------------------------------------


def test_the_answer_comes_with_its_confidence_its_reason_and_its_rules():
    told = detect(
        "I want to DIVORCE my husband", rules("Family word divorce 4", "Family word husband 1", "Tax word irs 4")
    )

    assert (told.area, told.likeliest, told.rule_ids) == ("Family", "Family", (1, 2))
    assert THRESHOLD < told.confidence < 1
    assert told.reason == "It says “DIVORCE” and “husband”."
    assert told.scores == {"Family": told.confidence}


def test_nothing_found_is_not_sure():
    told = detect("Please call me back", rules("Family word divorce 4"))

    assert (told.area, told.confidence, told.likeliest) == (None, 0.0, None)
    assert told.reason == "Nothing in the text points to a practice area."


def test_too_little_is_not_sure_and_no_rule_is_named():
    told = detect("My husband said so", rules("Family word husband 1"))

    assert (told.area, told.likeliest, told.rule_ids) == (None, "Family", ())
    assert told.reason == "It may be Family, but “husband” is too little to be sure."


def test_two_close_areas_are_not_sure_and_both_are_named():
    told = detect("divorce and bankruptcy", rules("Family word divorce 4", "Bankruptcy word bankruptcy 4"))

    assert told.area is None
    assert told.reason == "It may be Bankruptcy (“bankruptcy”) or Family (“divorce”): too close to tell."


def test_what_speaks_against_an_area_takes_weight_from_it():
    both = rules("Family word custody 4", "Family not in custody 4", "Criminal phrase in custody 4")

    assert detect("He is in custody", both).area == "Criminal"
    assert detect("She wants custody", both).area == "Family"


def test_many_hints_do_not_outweigh_a_clear_word():
    hints = [f"Family word {word} 1" for word in ("husband", "wife", "child", "house", "school", "mother")]
    told = detect("husband wife child house school mother bankruptcy", rules(*hints, "Bankruptcy word bankruptcy 5"))

    assert told.likeliest == "Bankruptcy"


def test_the_same_words_count_once_for_an_area():
    once = detect("a car accident", rules("Injury phrase car accident 4"))
    twice = detect(
        "a car accident", rules("Injury phrase car accident 4", "Injury word accident 3", "Injury word car 1")
    )

    assert twice.confidence == once.confidence


def test_hints_add_up_in_full():
    both = rules("Employment hint boss 0.8", "Employment hint shift 0.8", "Employment hint pay stub 0.9")
    told = detect("My BOSS cut my shifts and won't show me a pay stub", both, threshold=0.5)

    assert told.area == "Employment"
    assert told.rule_ids == (3, 1, 2)
    assert told.reason == "It says “pay stub”, “boss” and “shift”."


def test_a_hint_said_often_counts_once_and_one_that_is_denied_does_not():
    ready = rules("Employment hint boss 2.5", "Family hint divorce 2.5")

    assert detect("boss boss boss", ready).confidence == detect("boss", ready).confidence
    assert detect("It is not a divorce", ready).likeliest is None


def test_what_speaks_for_none_of_the_areas_takes_confidence_from_all():
    ready = Rules([Rule("Employment", "word", "job", 4), Rule(NO_AREA, "hint", "resume", 4)])

    assert detect("about my job", ready).area == "Employment"
    told = detect("about a job, my resume is attached", ready)
    assert (told.area, told.likeliest) == (None, "Employment")
    assert told.reason == "It may be Employment (“job”), but “resume” speaks for none of the areas."


@pytest.mark.parametrize("text", ["It is not a divorce", "not about divorce at all", "nothing to do with my divorce"])
def test_what_the_text_says_it_is_not_does_not_count(text):
    assert detect(text, rules("Family word divorce 4")).likeliest is None


def test_the_answer_is_the_same_every_time_and_in_every_order():
    ready = shipped.compiled()
    again = Rules(shipped.shipped(), shipped.never_corrected())

    assert [detect(STORY, ready) for _ in range(3)] == [detect(STORY, again)] * 3


@pytest.mark.parametrize("text", ["", " ", "!!!", "\x00", "🙂" * 50, "a" * 200_000, "<b>hello</b>", "١٢٣"])
def test_any_text_has_an_answer(text):
    assert detect(text, shipped.compiled()).area is None


# -- spelling --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["divorse", "divroce", "Divorces", "DIVORCE", "divorce's"])
def test_a_letter_wrong_is_forgiven(word):
    assert detect(f"about a {word} please", rules("Family word divorce 4")).area == "Family"


def test_a_misspelt_word_counts_a_little_less():
    ready = rules("Family word divorce 4")

    assert detect("divorse", ready).confidence < detect("divorce", ready).confidence


@pytest.mark.parametrize(
    ("text", "sign"), [("contact me", "contract"), ("the police came", "policy"), ("I will leave", "lease")]
)
def test_everyday_words_are_not_taken_for_misspelt_ones(text, sign):
    ready = Rules([Rule("X", "word", sign, 4)], shipped.never_corrected())

    assert detect(text, ready).likeliest is None


def test_short_words_must_be_right():
    assert detect("a car", rules("Probate word bar 4")).likeliest is None


def test_spanish_and_french_are_read_without_their_accents():
    ready = shipped.compiled()

    assert detect("Quiero divorciarme y la custodia de mis hijos", ready).area == "Family"
    assert detect("Mon propriétaire refuse les réparations et augmente le loyer", ready).area == "Landlord-Tenant"
    assert detect("Me despidieron del trabajo y no me pagaron las horas extras", ready).area == "Employment"


# -- signs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sign", "text", "stands"),
    [
        ("evict*", "they are evicting us", True),
        ("evict*", "convict", False),
        ("dog bite", "a dog bite", True),
        ("dog bite", "dogs bite", True),
        ("dog bite", "bite dog", False),
        ("fell ... store", "I fell in the grocery store", True),
        ("fell ... store", "fell store", True),
        ("fell ... store", "fell and then much later there was a store", False),
        ("sued/suing the city", "suing the city", True),
        ("sued/suing the city", "sue the city", False),
        ("i'm/we're pregnant", "we’re pregnant", True),
        ("i'm/we're pregnant", "I'm pregnant", True),
        ("d.u.i.", "my D.U.I.", True),
        ("50 50", "we own it 50/50", True),
        ("can't pay", "I can’t pay", True),
        ("école", "à l'Ecole", True),
        ("a ... b ... c", "a x b x x c", True),
        ("taxes", "my tax", True),
        ("fired, let go", "I was let go", True),
        ("fired, let go", "they fired me", True),
        ("dog, pit bull + bit, mauled", "mauled by a pit bull", True),
        ("dog, pit bull + bit, mauled", "the pit bull barked", False),
        ("custody + custody, divorce", "sole custody", False),  # each group in words of its own
        ("dog + bit", "a dog " + "ran on " * 25 + "and bit", False),
    ],
)
def test_a_sign_is_found_where_it_stands(sign, text, stands):
    assert bool(rules(f"X phrase {sign} 4").hits(text)) is stands


@pytest.mark.parametrize("hint", ["", "!!", "boss*", "a ... b", "pay/wage", "boss, shift", "one + two", "on my shift"])
def test_a_hint_is_one_word_or_two(hint):
    with pytest.raises(InvalidInput) as refused:
        hints.words(hint)
    assert refused.value.field == "text"
    assert hints.words("Pay stubs") == ("pay", "stub")


@pytest.mark.parametrize(
    "sign",
    [
        "...",
        "a ...",
        "... a",
        "a ... ... b",
        "/",
        "!!",
        "a + ",
        "a + , b",
        "x, + y",
        "ab*",
        "a/ b",
        " ".join(["i'm/he's/we're"] * 40),
    ],
)
def test_a_sign_that_cannot_be_read_is_refused_at_its_field(sign):
    with pytest.raises(InvalidInput) as refused:
        signs.groups(sign)
    assert refused.value.field == "text"


def test_a_quote_is_in_the_words_of_the_text():
    (hit,) = rules("X phrase fell ... stairs 4").hits("So I FELL down those Stairs!")

    assert hit.quote == "FELL down those Stairs"


# -- patterns --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "text", "stands"),
    [
        (r"form i \d{3}", "I filed Form I-130", True),
        (r"\bh ?1 ?b\b", "an H-1B transfer", True),
        (r"blew (a )?0?\d\d", "I blew .12", True),
        (r"(chapter|ch) (7|11|13)\b", "Ch. 13", True),
        (r"chapter 7\b", "chapter 77", False),
        (r"evict\w*", "evicting", True),
    ],
)
def test_a_pattern_is_tried_on_the_plain_text(pattern, text, stands):
    assert bool(rules(f"X pattern {pattern} 4").hits(text)) is stands


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+b", r"(a|aa)+b", r"(\w*)*x", r"(?:a{1,20}){2,20}", r"(a*b?){3}", r".{0,60}.{0,60}.{0,60}x", r"a{1,5000}",
        r"(?=a)b", r"(?<!a)b", r"(a)\1", r"(", r"[", r"*", r"a**", "(" * 500 + ")" * 500, r"a?" * 30 + "a" * 30, "",
        "a*", r"(?P<n>a)(?P=n)", r"(?i", r"a{99999999999}", r"(a?){40}b", r"x|",
    ],
)  # fmt: skip
def test_a_pattern_that_could_take_long_or_means_nothing_is_refused_at_once(pattern):
    began = time.perf_counter()
    with pytest.raises(InvalidInput) as refused:
        patterns.pattern(pattern)
    assert refused.value.field == "text"
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    "pattern", [r".{0,40}a.{0,40}b", r"(a|b|c|d){1,20}e", r"\w*ing \w*ed", r"a+a+b", r"[a-z ]{1,40}!"]
)
def test_no_pattern_that_is_taken_is_slow_on_any_text(pattern):
    compiled = patterns.pattern(pattern)
    for text in ("a" * 2000, "ab" * 1000, "a b " * 500, "abcd" * 500):
        began = time.perf_counter()
        compiled.search(text)
        assert time.perf_counter() - began < 2


# -- the shipped rules -----------------------------------------------------------------------------------------------


def test_the_shipped_rules_are_of_many_areas_each_written_once():
    keys = [(rule.area, rule.kind, rule.text) for rule in shipped.shipped()]

    assert len(shipped.areas()) >= 22
    assert len(keys) == len(set(keys))
    for rule in shipped.shipped():
        assert rule.kind in RULE_KINDS
        assert 0.1 <= rule.weight <= 10
        assert len(rule.text) <= signs.LONGEST_SIGN
        assert len(rule.area) <= 100


# -- the firm's names ------------------------------------------------------------------------------------------------

NAMES = [
    "Family Law",
    "Estate Planning & Probate",
    "Criminal Defence",
    "Real Estate",
    "Corporate/Commercial",
    "Litigation",
]


@pytest.mark.parametrize(
    ("area", "name"),
    [
        ("Family", "Family Law"),
        ("Wills & Estates", "Estate Planning & Probate"),
        ("Criminal", "Criminal Defence"),
        ("DUI / Impaired Driving", "Criminal Defence"),  # the firm has no list entry of its own for it
        ("Landlord-Tenant", "Real Estate"),
        ("Business", "Corporate/Commercial"),
        ("Civil Litigation", "Litigation"),
        ("Immigration", None),
        ("Tax", None),
        ("Something of the firm's", None),
    ],
)
def test_an_area_is_found_in_the_firms_own_list(area, name):
    assert firm_area(area, NAMES) == name


def test_a_firms_spelling_may_differ_by_a_letter():
    assert firm_area("Immigration", ["Imigration Law"]) == "Imigration Law"
    assert firm_area("Employment", ["Labour & Employment Law", "Employment"]) == "Employment"
    assert firm_area("Tax", []) is None
