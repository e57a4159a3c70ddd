from webapp.app import app
