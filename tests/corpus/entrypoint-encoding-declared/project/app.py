# -*- coding: latin-1 -*-
from flask import Flask

NAME = "café"
app = Flask(NAME)
