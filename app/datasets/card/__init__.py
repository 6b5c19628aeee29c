"""The card of a version: what the rows are, how they came to be, and how to load them."""

from app.datasets.card.page import card
from app.datasets.card.plots import plots

__all__ = ["card", "plots"]
