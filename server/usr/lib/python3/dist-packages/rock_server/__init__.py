"""What becomes Gunicorn in a rock: defaults, worker counts, the access log."""
