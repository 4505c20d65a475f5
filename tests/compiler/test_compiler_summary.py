"""The summary of a program, as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from small_graphs import AROUND, Layer, chain

from stillframe.compiler import Density, compile_graph, compile_with_plan, draw_profile, summarise
from stillframe.contract import ArrayConfig, Mode
from stillframe.frontend import Conv, MaxPool, PRelu
from stillframe.frontend.graph import Add, AveragePool, Concat, DepthwiseConv, Mean, Pad, Resize

EXPECTED = """\
chain on array 1x16@85F: 16 lanes, 4 elements a word, 200,160 MACs in a dense frame

   layer     operators        mode   kernel     output        MACs dense  threshold
0  input     INPUT            delta             26 x 30 x 3                       2
1  conv1     CONV_2D + PRELU  delta  3 x 3      24 x 28 x 10     181,440          0
2  maxpool3  MAX_POOL_2D      delta  2 x 2 / 2  12 x 14 x 10                      2
3  conv4     CONV_2D          delta  1 x 2      12 x 13 x 6       18,720          0

memory   words used      of                             bits a word
CODES         3,612  22,528  16%  ###.................           32
EVENTS          780  10,752   7%  #...................           36
MASKS           512   3,072  17%  ###.................           32
ROWS             74   1,024   7%  #...................            1
STATE         2,328  16,384  14%  ###.................          108
WEIGHTS          60   2,048   3%  #...................          128
PARAMS            5     512   1%  ....................          288
TABLES          192   1,024  19%  ####................          128

output  from      shape        host
output  tensor 3  12 x 13 x 6
"""


def test_whole_text() -> None:
    graph = chain(
        (26, 30, 3),
        Layer(Conv, (3, 3), 10),
        Layer(PRelu),
        Layer(MaxPool, (2, 2), strides=(2, 2)),
        Layer(Conv, (1, 2), 6),
    )
    program = compile_graph(graph, ArrayConfig.parse("1x16@85F"), threshold=2)
    assert summarise(program) == EXPECTED.rstrip()


PLAN = """
choice for  mode    why           frame if delta  frame if direct  saved  state words of delta
conv1       delta   fewer cycles           1,000            3,000  2,000                   200
conv3       direct  fewer cycles           1,200            1,000    200                    16
estimated 1,000 cycles a frame (all delta 1,200, all direct 3,000, all dense 4,000)"""


class FixedCycles:
    """In place of an estimator: cycles of a layer by the mode of its input."""

    frames = 1

    def layer(self, layer: int, modes: Sequence[Mode], rests: bool = True) -> float:
        cycles = {1: (100, 2100, 2800), 3: (700, 500, 800)}.get(layer, (200,) * 3)
        return cycles[modes[layer - 1 if layer else 0]]

    def frame(self, modes: Sequence[Mode], rests: bool = True) -> float:
        return sum(self.layer(layer, modes, rests) for layer in range(len(modes)))


def test_plan_with_its_estimates() -> None:
    graph = chain(
        (12, 12, 4), Layer(Conv, (3, 3), 8), Layer(MaxPool, (2, 2), strides=(2, 2)), Layer(Conv, (2, 2), 4)
    )
    profile = draw_profile(graph, {"input": Density(0.01, 1.0), "tensor2": Density(0.9, 0.1)})
    program, plan = compile_with_plan(graph, ArrayConfig.parse("1x4"), profile=profile)
    fixed = replace(plan, estimator=FixedCycles())  # type: ignore[arg-type]
    assert summarise(program, fixed).endswith(PLAN)
    unknown, plan = compile_with_plan(graph, ArrayConfig.parse("1x4"))
    assert summarise(unknown, plan) == summarise(unknown)


EVERY_KIND = """\
    layer             operators                mode   kernel     output        MACs dense  threshold
 0  input             INPUT                    delta             12 x 16 x 3                       0
 1  conv1             CONV_2D                  delta  3 x 5      12 x 16 x 10      69,360          0
 2  depthwiseconv2    DEPTHWISE_CONV_2D        delta  3 x 3 / 2  6 x 8 x 20         7,820          0
 3  conv3             CONV_2D                  delta  1 x 1      6 x 8 x 20        19,200          0
 4  add4              ADD                      delta             6 x 8 x 20                        0
 5  concat5 (1 of 2)  CONCATENATION            delta             6 x 8 x 40                        0
 6  concat5           CONCATENATION            delta             6 x 8 x 60                        0
 7  resize6           RESIZE_NEAREST_NEIGHBOR  delta  1 x 1      12 x 16 x 60                      0
 8  pad7              PAD                      delta  1 x 1      14 x 18 x 60                      0
 9  averagepool8      AVERAGE_POOL_2D          delta  2 x 2 / 2  8 x 10 x 60       15,120          0
10  prelu9            PRELU                    delta  1 x 1      8 x 10 x 60                       0
11  mean10            MEAN                     delta  8 x 10     1 x 1 x 60         4,800          0
"""


def test_layers_of_every_kind() -> None:
    graph = chain(
        (12, 16, 3),
        Layer(Conv, (3, 5), 10, dilation=(1, 2), padding=((1, 1), (4, 4))),
        Layer(DepthwiseConv, (3, 3), 2, strides=(2, 2), padding=AROUND),
        Layer(Conv, (1, 1), 20),
        Layer(Add, inputs=(2, 3)),
        Layer(Concat, inputs=(4, 3, 2)),
        Layer(Resize, factors=(2, 2)),
        Layer(Pad, padding=AROUND),
        Layer(AveragePool, (2, 2), strides=(2, 2), padding=AROUND),
        Layer(PRelu),
        Layer(Mean),
    )
    program = compile_graph(graph, ArrayConfig.parse("1x16@85F"))
    assert EVERY_KIND in summarise(program)
