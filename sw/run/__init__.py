"""The main job: a model and a clip through the device, frame by frame, checked and counted."""

from .job import Job, Options

__all__ = ["Job", "Options"]
