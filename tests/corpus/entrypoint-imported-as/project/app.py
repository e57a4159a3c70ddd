from web import application as app
