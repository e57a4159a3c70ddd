from flask import Flask

from helpers import NAME

app = Flask(NAME)
