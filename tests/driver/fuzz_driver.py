"""Coverage-guided fuzzing of what the driver reads: ``python tests/driver/fuzz_driver.py -runs=100000``.

libFuzzer, which Atheris brings, looks for bytes that take new ways through the driver; Hypothesis makes of
them what it otherwise draws for the tests of ``test_driver_fuzz.py``. Needs
``pip install 'stillframe[fuzz]'``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))
with atheris.instrument_imports(include=["stillframe.driver", "stillframe.contract.packets"]):
    import test_driver_fuzz as tests

    from stillframe.driver import reader

reader.NOISE_BYTES = tests.LESS_NOISE  # so that many are tried in a short time
CHECKS = [
    test.hypothesis.fuzz_one_input
    for test in (
        tests.test_a_request_is_answered_or_given_up,
        tests.test_an_answer_of_a_frame_is_right_or_there_is_none,
    )
]


def one(data: bytes) -> None:
    """What libFuzzer calls: the first byte chooses the test."""
    if data:
        CHECKS[data[0] % len(CHECKS)](data[1:])


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
