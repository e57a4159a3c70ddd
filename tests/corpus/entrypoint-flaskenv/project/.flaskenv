FLASK_APP=hello:site
