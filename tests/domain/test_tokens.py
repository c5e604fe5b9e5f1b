"""Tokens estimated and priced."""
# ruff: noqa: RUF001 - texts in other scripts than Latin are the point

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.tokens import Price, Vocabulary, cost, dollars, estimate_all, estimate_tokens, parse_prices

# Article 1 of the Universal Declaration of Human Rights, and a line of code, with the tokens that the tokenizers
# o200k_base and cl100k_base really make of them.
COUNTED = [
    (
        "All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience and should act towards one another in a spirit of brotherhood.",
        33,
        33,
    ),
    (
        "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt und sollen einander im Geiste der Brüderlichkeit begegnen.",
        39,
        44,
    ),
    (
        "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison et de conscience et doivent agir les uns envers les autres dans un esprit de fraternité.",
        41,
        50,
    ),
    (
        "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni obdarzeni rozumem i sumieniem i powinni postępować wobec innych w duchu braterstwa.",
        53,
        64,
    ),
    (
        "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и должны поступать в отношении друг друга в духе братства.",
        41,
        74,
    ),
    (
        "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα. Είναι προικισμένοι με λογική και συνείδηση, και οφείλουν να συμπεριφέρονται μεταξύ τους με πνεύμα αδελφοσύνης.",
        71,
        172,
    ),
    (
        "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق، وقد وهبوا عقلا وضميرا وعليهم أن يعامل بعضهم بعضا بروح الإخاء.",
        42,
        80,
    ),
    (
        "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। उन्हें बुद्धि और अन्तरात्मा की देन प्राप्त है और परस्पर उन्हें भाईचारे के भाव से बर्ताव करना चाहिए।",
        54,
        180,
    ),
    ("人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。", 37, 52),
    (
        "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。人間は、理性と良心とを授けられており、互いに同胞の精神をもって行動しなければならない。",
        72,
        93,
    ),
    (
        "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 인간은 천부적으로 이성과 양심을 부여받았으며 서로 형제애의 정신으로 행동하여야 한다.",
        51,
        85,
    ),
    (
        "def total(rows):\n    return sum(row['price'] * row['count'] for row in rows if row.get('count'))\n",
        26,
        26,
    ),
]


@pytest.mark.parametrize(("text", "o200k", "cl100k"), COUNTED)
def test_an_estimate_is_within_a_third_of_the_tokenizer_s_count(text: str, o200k: int, cl100k: int) -> None:
    assert estimate_tokens(text) == pytest.approx(o200k, rel=1 / 3)
    assert estimate_tokens(text, "cl100k_base") == pytest.approx(cl100k, rel=1 / 3)


@given(st.text(), st.text())
def test_more_text_never_has_fewer_tokens(text: str, more: str) -> None:
    assert estimate_tokens(text) <= estimate_tokens(text + more)
    assert estimate_tokens(text) >= (1 if text else 0)


@given(st.text(st.characters(codec="utf-8")))
def test_a_text_and_its_bytes_have_the_same_estimate(text: str) -> None:
    assert estimate_tokens(text.encode()) == estimate_tokens(text)
    assert estimate_tokens(text.encode(), "cl100k_base") == estimate_tokens(text, "cl100k_base")


@given(st.binary(), st.binary())
def test_bytes_that_are_no_text_have_one_too(content: bytes, more: bytes) -> None:
    assert 0 <= estimate_tokens(content) <= estimate_tokens(content + more)


@given(
    st.lists(
        st.text(st.characters(max_codepoint=0x17F), max_size=40).map(str.encode)
        | st.text(max_size=40).map(str.encode)
        | st.binary(max_size=10),
        max_size=4,
    ),
    st.sampled_from(get_args(Vocabulary)),
)
def test_texts_have_the_same_estimates_together(texts: list[bytes], vocabulary: Vocabulary) -> None:
    each = [estimate_tokens(text, vocabulary) for text in texts]
    assert estimate_all(texts, vocabulary) == each
    try:
        decoded = list(map(bytes.decode, texts))
    except UnicodeDecodeError:
        return
    assert estimate_all(texts, vocabulary, decoded) == each


def test_prices_are_per_million_tokens_and_deployment() -> None:
    prices = parse_prices('{"gpt": {"input": 1.25, "output": 5}, "e": {"input": 0.01}}')
    assert prices == {"gpt": Price(input=1.25, output=5.0), "e": Price(input=0.01)}
    assert cost(prices, "gpt", 1_000_000, 500_000) == 3.75
    assert cost(prices, "e", 200, 0) == pytest.approx(2e-6)
    assert cost(prices, "other", 1, 1) is None
    assert parse_prices(" ") == {}


def test_cached_tokens_have_a_price_of_their_own_where_it_is_known() -> None:
    prices = parse_prices(
        '{"a": {"input": 8, "cached_input": 2, "output": 1}, "b": {"input": 8}, "c": {"input": 8, "cached_input": 0}}'
    )
    assert cost(prices, "a", 1_000_000, 0, cached_tokens=250_000) == 6.5
    assert cost(prices, "b", 1_000_000, 0, cached_tokens=250_000) == 8.0
    assert cost(prices, "c", 1_000_000, 0, cached_tokens=250_000) == 6.0
    # A service that counts more of them than there are.
    assert cost(prices, "a", 1_000_000, 0, cached_tokens=9_000_000) == 2.0


@pytest.mark.parametrize(
    ("sum_of_money", "told"),
    [
        (0.0, "0.00"),
        (1234.567, "1234.57"),
        (1.0, "1.00"),
        (0.5, "0.50"),
        (0.05, "0.050"),
        (0.00012, "0.00012"),
        (3e-9, "0.0000000030"),
    ],
)
def test_no_sum_that_is_not_0_reads_like_0(sum_of_money: float, told: str) -> None:
    assert dollars(sum_of_money) == told


@given(st.floats(1e-12, 1e9))
def test_a_sum_is_told_to_a_hundredth_of_itself(sum_of_money: float) -> None:
    assert float(dollars(sum_of_money)) == pytest.approx(sum_of_money, rel=0.06)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"gpt": {"input": 1, "cached_input": -1}}', "a price below 0 for gpt"),
        ("1.25", "Expected `object`, got `float`"),
        ("{", "truncated"),
        ('{"gpt": 1}', r"Expected `object`, got `int` - at `\$\[\.\.\.\]`"),
        ('{"gpt": {"output": 1}}', "missing required field `input`"),
        ('{"gpt": {"input": 1, "cached": 1}}', "unknown field `cached`"),
        ('{"gpt": {"input": "1"}}', "Expected `float`, got `str`"),
        ('{"gpt": {"input": -1}}', "a price below 0 for gpt"),
        ("[" * 100_000, "nested too deeply|Expected"),
    ],
)
def test_what_is_wrong_with_prices_is_said(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_prices(text)
