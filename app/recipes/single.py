"""One request a row."""

from app.recipes.recipe import Recipe, recipes


@recipes.register("single")
class Single(Recipe, frozen=True):
    """Ask once; `sampling.n` completions come back together."""
