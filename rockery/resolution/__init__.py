"""Resolutions: which packages, of the distribution and of Python, a rock is made from."""
