from webapp import app
