"""What a move from Flask to FastAPI gains, measured on one rock that has both."""
