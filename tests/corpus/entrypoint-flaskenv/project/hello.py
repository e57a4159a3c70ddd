from flask import Flask

admin = Flask("a")
site = Flask("b")
