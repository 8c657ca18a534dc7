"""Elements, scales and written values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikewright.view.refs import STYLES, Ref, show
from spikewright.view.svg import el, ending, ticks


def test_attributes_and_text_are_escaped():
    made = el("text", '<b> & "q"', x=1.50, class_='a"b', data_from="f#/a", left_out=None)
    assert made == '<text x="1.5" class="a&#34;b" data-from="f#/a">&lt;b&gt; &amp; &#34;q&#34;</text>'


def test_a_pointer_is_escaped_by_its_own_rules():
    ref = Ref("report.json", {"a/b~c": [1, None]}) / "a/b~c"
    assert (ref / 0).origin == "report.json#/a~1b~0c/0"
    assert ">–<" in show(ref / 1)


@given(st.floats(1e-3, 1e12))
def test_a_scale_has_few_round_numbers(most):
    scale = ticks(most)
    assert scale[0] == 0
    assert scale[-1] <= most * (1 + 1e-6)
    assert 3 <= len(scale) <= 7


@pytest.mark.parametrize(("value", "style", "text"), [
    (1234567, "count", "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"), (0.004, "percent", "0.40%"),
    (0.5, "percent", "50%"), (0.9534, "share", "95.3%"), (True, "yes", "yes"), ("a\x1b[0m", "text", "a\\x1b[0m"),
])  # fmt: skip
def test_written_values(value, style, text):
    assert STYLES[style](value) == text


def test_names_are_shortened_from_their_beginning():
    assert ending("block.0.attn.q_linear", 13) == "attn.q_linear"
    assert ending("head", 2) == "he"
