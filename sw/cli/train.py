"""``stillframe train``: the experiments."""

from __future__ import annotations

import argparse

from . import train_occupancy, train_ucf101


def train(options: argparse.Namespace) -> int:
    """Run the experiment that the options name; 0."""
    experiments = {"occupancy": train_occupancy.run, "ucf101": train_ucf101.run}
    return experiments[options.experiment](options)
