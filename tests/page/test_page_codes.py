"""Every candidate's code comes back to the byte, and costs what is its own."""

from hypothesis import given
from hypothesis import strategies as st

from nas.report.page.build import to_json
from nas.report.page.code_diffs import pack, unpack

texts = st.text(st.sampled_from("ab\n\r\f\u2028</ ×"), max_size=40)


@given(st.dictionaries(st.text("0123456789abcdef", min_size=1), texts, max_size=12))
def test_each_text_comes_back(codes: dict[str, str]) -> None:
    packed = pack(codes.items())
    assert {key: unpack(packed, key) for key in codes} == codes


def test_a_template_is_stored_once() -> None:
    body = "\n".join(f"line {n}" for n in range(200))
    codes = {f"{n:016x}": f"families {n}\n{body}\nnumber {n}\n" for n in range(300)}
    packed = pack(codes.items())
    assert len(packed["bases"]) == 1
    assert all(len(difference) <= 2 for _, difference in packed["of"].values())
    assert len(to_json(packed)) < 300 * 100


def test_templates_of_one_length_are_kept_apart() -> None:
    first, second = ("\n".join(f"{name} {n}" for n in range(50)) for name in ("a", "b"))
    packed = pack([("1", first), ("2", second), ("3", first + "x"), ("4", second + "x")])
    assert len(packed["bases"]) == 2
    assert unpack(packed, "3") == first + "x"
    assert unpack(packed, "4") == second + "x"
