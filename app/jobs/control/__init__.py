"""Changing what a job does while it lives, and doing it again afterwards."""
