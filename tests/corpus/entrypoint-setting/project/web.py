from flask import Flask

site = Flask(__name__)
other = Flask(__name__)
