"""Evaluation sets: what students will be examined on, and must therefore not be taught."""
