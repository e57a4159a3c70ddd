import flask
app = flask.Flask("wrong")
