from fastapi import FastAPI

from src.names import TITLE

app = FastAPI(title=TITLE)
