"""What people read when their job spec is no YAML."""

import pytest

from domain.spec.documents import DocumentError, read_document


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("input: {{ text }}", "line 1, column 9: put a value that begins with a template in quotes"),
        ("input: {{ row['a'] }}", "put a value that begins with a template in quotes"),
        ("input: {{ text }} and more", "put a value that begins with a template in quotes"),
        ("messages:\n- role: user\n  content: {{ text }}", "line 3, column 13: put a value"),
        ("input: Say: {{ text }}", "line 1, column 11: a text with `: ` in it has to be in quotes"),
        ("input: a\n b: c", "line 2, column 3: a key does not fit here: look at the indentation"),
        ("input\nendpoint: x", "line 2, column 9: a key does not fit here"),
        ("output:\n\tformat: csv", "line 2, column 1: a tab; indent with blanks"),
        ("input: @x", "line 1, column 8: a text that begins with `@` has to be in quotes"),
        ("input: `x`", "a text that begins with ``` has to be in quotes"),
        ("\nmessages: [a, b", "line 2, column 11: the bracket that begins here is not closed"),
        ("parameters: {a: 1\n", "line 1, column 13: the bracket that begins here is not closed"),
        ('input: "a\nendpoint: b', "line 1, column 8: the text in quotes that begins here is not closed"),
        ("input: 'a\nendpoint: b", "line 1, column 8: the text in quotes that begins here is not closed"),
        ('input: "\\d"', "a backslash means something within double quotes"),
        ("- a\ninput: b", "line 2, column 1: this does not fit what stands above"),
        ("input: |\n  a\n b", "line 3, column 2: this does not fit what stands above"),
    ],
)
def test_the_cause_is_named_as_a_person_would(text: str, said: str) -> None:
    with pytest.raises(DocumentError) as found:
        read_document(text.encode(), "_batch.yaml")
    assert said in str(found.value)
