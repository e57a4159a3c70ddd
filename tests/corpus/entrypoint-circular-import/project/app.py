from web import app
