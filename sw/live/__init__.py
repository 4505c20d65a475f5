"""A clip or camera through a device for as long as it goes on, to look at while it runs."""

from .stream import Stream
from .subject import Subject
from .views import Lost, Totals, View
from .watch import Settings, Watch

__all__ = ["Lost", "Settings", "Stream", "Subject", "Totals", "View", "Watch"]
