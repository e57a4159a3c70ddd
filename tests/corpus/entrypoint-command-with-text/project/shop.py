from flask import Flask


def create_app(settings):
    return Flask(__name__)
