"""What the arms of a job made of what they were asked, side by side."""
