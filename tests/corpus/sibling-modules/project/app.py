from flask import Flask

import config
import models

app = Flask(config.NAME)
