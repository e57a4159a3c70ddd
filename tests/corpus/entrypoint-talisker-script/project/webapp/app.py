from flask import Flask

from webapp.names import NAME

app = Flask(NAME)
