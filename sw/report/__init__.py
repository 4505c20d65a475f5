"""The HTML report of a run: one page that stands alone."""

from .page import write_report

__all__ = ["write_report"]
