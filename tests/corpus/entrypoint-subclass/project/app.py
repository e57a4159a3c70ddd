from flask import Flask


class Site(Flask):
    pass


site = Site(__name__)
