from fastapi import FastAPI

from src.model import spell

service = FastAPI()
