from demo_site import create

application = create()
