"""A small model behind a web page: what scikit-learn, NumPy and SciPy weigh in a rock."""

from flask import Flask
from sklearn.linear_model import LinearRegression

app = Flask(__name__)
model = LinearRegression().fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])


@app.route("/")
def hello() -> str:
    return "Hello, world!\n"


@app.route("/predict/<float:value>")
def predict(value: float) -> str:
    return f"{model.predict([[value]])[0]:.1f}\n"
