from flask import Flask


def create_app(config=None):
    web = Flask(__name__)
    return web
