from shop.site import app
