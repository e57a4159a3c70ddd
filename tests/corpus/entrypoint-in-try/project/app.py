try:
    from flask import Flask
    app = Flask(__name__)
except ImportError:
    app = None
