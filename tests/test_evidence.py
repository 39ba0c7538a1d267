"""results.json: the same bytes for the same study, and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.errors import UserError
from pmjax.evidence import Evidence, Finding, config_sha256, load_results, save_results

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
NUMBER = st.none() | st.floats(allow_nan=False, allow_infinity=False)
# Tuples, since the run-time type check of constructors uses `random`, which Hypothesis forbids while it draws.
EVIDENCE = st.tuples(*[TEXT] * 7, NUMBER, NUMBER, NUMBER, st.integers(0, 10**6), st.integers(0, 10**6), TEXT)
FINDING = st.tuples(TEXT, st.sampled_from(["blocking", "note"]), TEXT, st.tuples(TEXT, TEXT), st.booleans())


def one(**change):
    given = {"cohort": "c", "task": "t", "model": "m", "setting": "chosen", "part": "test", "group": "all"}
    given |= {"metric": "auroc", "estimate": 0.9, "low": 0.8, "high": 1.0, "n": 10, "events": 5, "method": "bootstrap"}
    return Evidence(**{**given, **change})


@given(evidence=st.lists(EVIDENCE, max_size=4), findings=st.lists(FINDING, max_size=3), study=TEXT)
def test_what_is_saved_is_loaded(tmp_path_factory, evidence, findings, study):
    evidence, findings = [Evidence(*e) for e in evidence], [Finding(*f) for f in findings]
    path = tmp_path_factory.mktemp("run") / "results.json"
    save_results(path, study, "00ff", findings, evidence)
    assert load_results(path) == (study, "00ff", findings, evidence)
    first = path.read_bytes()
    save_results(path, *load_results(path))
    assert path.read_bytes() == first
    assert [p.name for p in path.parent.iterdir()] == ["results.json"]


def test_the_file_has_the_published_shape(tmp_path):
    save_results(tmp_path / "results.json", "s", "00ff", [Finding("c", "note", "m")], [one()])
    content = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert list(content) == ["study", "config_sha256", "findings", "evidence"]
    assert list(content["evidence"][0]) == (
        "cohort task model setting part group metric estimate low high n events method".split()  # noqa: SIM905
    )


@pytest.mark.parametrize("name", ["estimate", "low", "high"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_not_written_as_one(name, value):
    with pytest.raises(ValueError, match=f"auroc of m: {name} is {value}; use None"):
        one(**{name: value})


@pytest.mark.parametrize(
    "content", ["", "{", "{}", '{"study": "s", "config_sha256": "", "findings": [], "evidence": [{}]}']
)
def test_a_file_of_another_kind_is_named(content, tmp_path):
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"results\.json: not a results.json of pmjax"):
        load_results(path)
    with pytest.raises(UserError, match=r"absent\.json: not a results.json"):
        load_results(tmp_path / "absent.json")


def test_the_hash_of_a_config_depends_on_values_and_not_on_order():
    config = {"a": 1, "b": {"c": [1, 2], "d": "x"}}
    assert config_sha256(config) == config_sha256({"b": {"d": "x", "c": [1, 2]}, "a": 1})
    assert config_sha256(config) != config_sha256({**config, "a": 2})
    assert len(config_sha256(config)) == 64
