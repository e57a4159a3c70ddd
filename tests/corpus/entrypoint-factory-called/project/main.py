from shop import create_app

server = create_app()
