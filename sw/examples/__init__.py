"""Built-in examples: models and clips that come with installed Python packages."""

from .box import Box
from .clips import CLIPS, clip_path
from .models import MODELS, Example, find_example

__all__ = ["CLIPS", "MODELS", "Box", "Example", "clip_path", "find_example"]
