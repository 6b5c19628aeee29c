"""Limbeck: prompt-driven synthetic data for distilling a teacher into a student."""
