"""Occupancy of a fixed camera's picture: the four set-ups on real video, on two CPU cores."""

from .dataset import Dataset, load
from .experiment import Experiment
from .plan import Case, Plan

__all__ = ["Case", "Dataset", "Experiment", "Plan", "load"]
