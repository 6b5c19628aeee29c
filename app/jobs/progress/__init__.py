"""Where a job stands: told as it happens."""
