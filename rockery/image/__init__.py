"""Images: layers and a configuration, as the OCI image specification describes them."""

from rockery.image.image import Image, assemble
from rockery.image.settings import ImageSettings

__all__ = ["Image", "ImageSettings", "assemble"]
