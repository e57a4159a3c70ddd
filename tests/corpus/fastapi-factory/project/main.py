from fastapi import FastAPI


def get_application() -> FastAPI:
    return FastAPI()
