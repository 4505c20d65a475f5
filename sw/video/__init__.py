"""Clips: files, folders and cameras as RGB frames, and frames as a model's input codes."""

from .clip import Clip, open_clip
from .fit import fit
from .value_range import ValueRange, code_table, infer_range

__all__ = ["Clip", "ValueRange", "code_table", "fit", "infer_range", "open_clip"]
