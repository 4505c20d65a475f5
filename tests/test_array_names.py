"""Names of arrays, and the memories that they stand for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillframe.contract import ArrayConfig, StillframeError
from stillframe.contract.array_name import MEMORIES
from stillframe.contract.parts import PARTS

PLAIN = ("1x4", "1x16@25F", "2x8@45F", "4x16@85F", "8x16@virtual", "1x4@UP5K")


@pytest.mark.parametrize("name", PLAIN)
def test_usual_memories_are_not_named(name: str) -> None:
    config = ArrayConfig.parse(name)
    assert config.name == (name if "@" in name else f"{name}@85F")
    assert ArrayConfig.parse(config.name) == config


def test_state_gets_what_the_others_leave() -> None:
    usual = ArrayConfig.parse("4x16@85F")
    config = ArrayConfig.parse("4x16@85F:codes=6656,events=2048,masks=1024")
    assert (usual.state_words, config.state_words) == (1024, 2048)
    assert (config.codes_words, config.events_words, config.masks_words) == (6656, 2048, 1024)
    assert config.weights_words == usual.weights_words
    assert config.name == "4x16@85F:codes=6656,events=2048,state=2048,masks=1024"
    assert ArrayConfig.parse("4x16:state=512").state_words == 512


WORDS = st.integers(1, 400).map(lambda n: 64 * n)


@settings(max_examples=100)
@given(
    plain=st.sampled_from([name for name in PLAIN if "UP5K" not in name]),
    memories=st.dictionaries(st.sampled_from(MEMORIES), WORDS, min_size=1),
)
def test_any_memories_are_kept_or_refused(plain: str, memories: dict[str, int]) -> None:
    name = f"{plain}:{','.join(f'{memory}={words}' for memory, words in memories.items())}"
    try:
        config = ArrayConfig.parse(name)
    except StillframeError:
        assert "virtual" not in plain
        return
    for memory, words in memories.items():
        assert getattr(config, f"{memory}_words") == words
    if config.part in PARTS:
        assert config.block_rams <= PARTS[config.part].block_rams
    assert ArrayConfig.parse(config.name) == config


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("4x16@85F:", "got ''"),
        ("4x16@85F:rows=64", "got 'rows=64'"),
        ("4x16@85F:codes=64,codes=128", "got 'codes=128'"),
        ("4x16@85F:codes=-64", "got 'codes=-64'"),
        ("4x16@85F:codes=100", "expected a multiple of 64 words, up to 1048576, got 'codes=100'"),
        ("4x16@85F:codes=0", "expected a multiple of 64 words, up to 1048576, got 'codes=0'"),
        ("4x16@virtual:codes=1048640", "up to 1048576, got 'codes=1048640'"),
        (
            "4x16@85F:state=5632",
            "208 block RAMs on an LFE5U-85F, got 127 and 144 for 5632 STATE words",
        ),
        ("1x4@UP5K:codes=64", "those of an iCE40UP5K are fixed"),
    ],
)
def test_other_names_are_refused(name: str, message: str) -> None:
    with pytest.raises(StillframeError) as raised:
        ArrayConfig.parse(name)
    assert str(raised.value).startswith(f"array '{name}': ")
    assert message in str(raised.value)
