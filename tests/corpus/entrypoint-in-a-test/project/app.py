import os

from flask import Flask

if (app := Flask(__name__)) and os.environ.get("DEBUG"):
    app.debug = True
