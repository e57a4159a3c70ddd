"""A FastAPI app laid out as a package."""
