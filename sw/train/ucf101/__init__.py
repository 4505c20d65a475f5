"""The paper's experiment on UCF101: dataset, clips, schedule, evaluation (arXiv 2107.07305, section 3)."""

from .dataset import Dataset, Video, open_dataset
from .recipe import Recipe
from .settings import Config

__all__ = ["Config", "Dataset", "Recipe", "Video", "open_dataset"]
