from flask import Flask

name, app = "x", Flask(__name__)
