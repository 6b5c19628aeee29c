"""A recipe: how one seed row becomes completions."""

from app.plugins import Plugin, Registry


class Recipe(Plugin, frozen=True):
    """Says what to ask for one row, and in what order."""


recipes: Registry[Recipe] = Registry("recipe")
