from flask import Flask

__all__ = ["VERSION"]

VERSION = "1"
app = Flask(__name__)
