"""The profile names the work that was done, and where in the program it came from."""

import re

from benchmarks import cases, profile


def test_the_products_of_a_network_are_among_its_costs(capsys, monkeypatch):
    small = cases._table("tiny", 1e-3, 30, 2, 32, 4, (64, 64), 0.2)
    monkeypatch.setitem(cases.CASES, "tiny", small)
    assert profile.main(["tiny", "--top", "99"]) == 0
    said = capsys.readouterr().out
    assert re.match(r"tiny: an epoch lasts \S+ (s|ms|µs)\n", said)
    assert re.search(r"µs +\S*(dot|ynn)\S*: .*Dense_1/", said)
    assert "while" not in [line.split()[2] for line in said.splitlines()[1:]]
