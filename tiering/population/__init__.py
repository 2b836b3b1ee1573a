"""What populations of customers look like, and how they move."""
