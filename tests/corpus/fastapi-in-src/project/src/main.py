from config import TITLE
from fastapi import FastAPI

app = FastAPI(title=TITLE)
