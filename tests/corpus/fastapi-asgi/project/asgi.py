from service import make

application = make()
