from bottle import Bottle

bot = Bottle()
