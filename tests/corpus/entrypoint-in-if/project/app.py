import os

from flask import Flask

if os.environ.get('PLAIN'):
    app = Flask('plain')
else:
    app = Flask('rich')
