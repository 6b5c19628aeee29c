"""Uploads read row by row, never whole: one format to a file."""
