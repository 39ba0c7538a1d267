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


def test_a_fusion_is_named_for_the_convolution_that_it_holds():
    module = """HloModule jit_f
%fused_computation.5 (param_0: f32[8,8]) -> f32[8,8] {
  %param_0 = f32[8,8]{1,0} parameter(0)
  %conv.15 = f32[8,8]{1,0} convolution(%param_0, %param_0), metadata={op_name="jit(f)/encoder/Convolution_1/conv"}
  ROOT %div.4 = f32[8,8]{1,0} divide(%conv.15, %param_0), metadata={op_name="jit(f)/encoder/Pool_0/div"}
}

ENTRY %main.1 (x.1: f32[8,8]) -> f32[8,8] {
  %x.1 = f32[8,8]{1,0} parameter(0)
  %add.2 = f32[8,8]{1,0} fusion(%x.1), kind=kLoop, calls=%other, metadata={op_name="jit(f)/head/add"}
  ROOT %ynn_fusion.5 = f32[8,8]{1,0} fusion(%x.1), calls=%fused_computation.5, metadata={op_name="jit(f)/Pool_0/div"}
}
"""
    sources = profile._sources(module)
    assert sources["ynn_fusion.5"] == "jit(f)/encoder/Convolution_1/conv"
    assert sources["add.2"] == "jit(f)/head/add"
