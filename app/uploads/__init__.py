"""What people send in files: read row by row, checked, laid down, copied into a table."""
