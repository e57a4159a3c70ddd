"""
app = Flask(__name__)
"""
# app = Flask(__name__)
