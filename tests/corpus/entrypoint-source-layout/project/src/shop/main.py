from flask import Flask

from shop.names import NAME

app = Flask(NAME)
