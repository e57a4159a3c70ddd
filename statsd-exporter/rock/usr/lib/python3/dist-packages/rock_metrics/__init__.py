"""How Gunicorn's and Uvicorn's workers report to the StatsD exporter beside them."""
