"""How long a check of a project takes."""
