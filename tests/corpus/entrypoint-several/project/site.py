from flask import Flask

public = Flask(__name__)
admin = Flask(__name__)
