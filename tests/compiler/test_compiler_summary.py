"""The summary of a program, as text."""

from __future__ import annotations

from small_graphs import Layer, chain

from stillframe.compiler import compile_graph, summarise
from stillframe.contract import ArrayConfig
from stillframe.frontend import Conv, MaxPool, PRelu

EXPECTED = """\
chain on array 1x16@85F: 16 lanes, 4 elements a word, 200,160 MACs in a dense frame

   layer     operators        mode   kernel     output        MACs dense  threshold
0  input     INPUT            delta             26 x 30 x 3                       2
1  conv1     CONV_2D + PRELU  delta  3 x 3      24 x 28 x 10     181,440          0
2  maxpool3  MAX_POOL_2D      delta  2 x 2 / 2  12 x 14 x 10                      2
3  conv4     CONV_2D          delta  1 x 2      12 x 13 x 6       18,720          0

memory   words used      of                             bits a word
CODES         3,904  22,528  17%  ###.................           32
EVENTS          832  10,752   8%  ##..................           36
MASKS           488   3,072  16%  ###.................           32
ROWS             74   1,024   7%  #...................            1
STATE         2,496  16,384  15%  ###.................           96
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
