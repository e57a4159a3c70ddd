from acme.flask_base import FlaskBase

app = FlaskBase(__name__, "x")
