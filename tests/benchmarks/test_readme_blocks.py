"""The README shows the results that are committed."""

from pathlib import Path

import pytest

from benchmarks import readme
from pmjax.errors import UserError

README = Path(__file__).parents[2] / "README.md"


def test_blocks_of_the_readme_are_the_committed_pages():
    text = README.read_text(encoding="utf-8")
    assert readme.included(text) == text, "run python -m benchmarks.readme"


def test_a_block_is_replaced_and_the_rest_is_kept(tmp_path):
    (tmp_path / "results" / "cpu").mkdir(parents=True)
    (tmp_path / "results" / "cpu" / "start.md").write_text("| a |\n| --- |\n| 1 µs |\n", encoding="utf-8")
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- benchmarks: cpu/start -->\nold\n<!-- end -->\nafter\n", encoding="utf-8")
    expected = "before\n<!-- benchmarks: cpu/start -->\n\n| a |\n| --- |\n| 1 µs |\n\n<!-- end -->\nafter\n"
    once = readme.included(path.read_text(encoding="utf-8"), tmp_path / "results")
    assert once == expected
    assert readme.included(once, tmp_path / "results") == expected


def test_a_block_without_a_page_is_named():
    with pytest.raises(UserError, match="no page 'tpu/study'"):
        readme.included("<!-- benchmarks: tpu/study -->\n<!-- end -->\n")
