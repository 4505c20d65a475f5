"""Which array ``stillframe run`` compiles for: the board's own, unless one is named that the board is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fake_device import FakeDevice
from fake_links import FakeLink

from stillframe.cli.main import execute
from stillframe.contract import ArrayConfig, Memory, StillframeError
from stillframe.contract.boards import BOARDS
from stillframe.contract.memory_map import INFO_FIELDS, array_of, info_words
from stillframe.driver import TRANSPORTS, find_array

ARRAYS = ("1x4@25F", "1x16@25F", "1x16@45F", "1x16@85F", "4x16@85F", "2x8@virtual", "1x4@UP5K")
NAMED = ("4x16@85F:codes=6656,events=2048,masks=1024", "2x8@virtual:state=64")
"""Arrays whose memories are not the usual ones."""


@pytest.fixture
def plugged_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[FakeLink]]:
    """Have ``--device serial`` be a board with an array; the links that are opened to it."""

    def plug(array: str) -> list[FakeLink]:
        links: list[FakeLink] = []

        def fake(config: ArrayConfig | None, address: str, on_status: object = None) -> FakeLink:
            links.append(FakeLink(FakeDevice(ArrayConfig.parse(array))))
            return links[-1]

        monkeypatch.setitem(TRANSPORTS, "serial", fake)
        return links

    return plug


@pytest.mark.parametrize("array", sorted({*ARRAYS, *NAMED, *(b.array for b in BOARDS.values())}))
def test_a_board_is_asked_for_its_array(plugged_in: Callable[[str], list[FakeLink]], array: str) -> None:
    links = plugged_in(array)
    assert find_array("serial:/dev/ttyUSB0") == ArrayConfig.parse(array)
    assert [link.closed for link in links] == [True]


@pytest.mark.parametrize("name", ["sim", "simserial"])
def test_a_simulation_is_what_it_is_asked_for(name: str) -> None:
    assert find_array(name) is None


def test_an_array_of_other_memories_is_refused(plugged_in: Callable[[str], list[FakeLink]]) -> None:
    words = info_words(ArrayConfig.parse("1x4@25F"))
    info = dict(zip(INFO_FIELDS, words, strict=True)) | {"state_words": 77}
    with pytest.raises(StillframeError) as error:
        array_of(info)
    assert str(error.value) == (
        "device: expected an array with the memories of a part that this version knows, got a 1x4 with "
        "drain 4, layers 32, codes_words 6144, events_words 2048, state_words 77, weights_words 2048, "
        "params_words 512, tables_words 512, masks_words 1024, rows 1024\n"
        "  -> load a bitstream made with this version of Stillframe"
    )


@pytest.mark.parametrize("command", ["run", "live"])
def test_another_array_than_the_boards_is_refused_first_of_all(
    command: str, plugged_in: Callable[[str], list[FakeLink]], capsys: pytest.CaptureFixture[str]
) -> None:
    links = plugged_in("1x16@25F")
    assert execute([command, "no-model", "no-clip", "--device", "serial", "--array", "1x16"]) == 2
    assert capsys.readouterr().err == (
        "stillframe: --array 1x16: expected the array that device serial is, 1x16@25F, got 1x16@85F\n"
        "  -> leave it out to compile for the device, or load that array's bitstream (stillframe flash)\n"
    )
    assert [link.closed for link in links] == [True]


@pytest.mark.parametrize("named", [[], ["--array", "1x4@25F"]])
def test_a_model_is_compiled_for_the_board(
    named: list[str],
    plugged_in: Callable[[str], list[FakeLink]],
    small_tflite: Path,
    small_clip: Path,
    fake_device: object,
    tmp_path: Path,
) -> None:
    plugged_in("1x4@25F")
    path = tmp_path / "r.json"
    arguments = [str(small_tflite), str(small_clip), "--device", "serial", "--mode", "delta", *named]
    assert execute(["run", *arguments, "--json", str(path)]) == 0
    assert '"array": "1x4@25F"' in path.read_text()


def test_a_stranger_is_said_before_a_model_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = FakeDevice(ArrayConfig.parse("1x4@25F"))
    stranger.memories[Memory.INFO][0, 0] = 9
    monkeypatch.setitem(TRANSPORTS, "serial", lambda config, address: FakeLink(stranger))
    assert execute(["run", "no-model", "no-clip", "--device", "serial"]) == 2
    assert capsys.readouterr().err.startswith("stillframe: device: expected magic 0x53544c46")
