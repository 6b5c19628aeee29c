"""How often the teacher is asked, and in what order."""

from app.recipes.recipe import Recipe, recipes
from app.recipes.single import Single

__all__ = ["Recipe", "Single", "recipes"]
