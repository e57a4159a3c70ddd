"""Images: layers and a configuration, as the OCI image specification describes them."""

from rockery.image.image import Image, assemble
from rockery.image.settings import HealthCheck, ImageSettings

__all__ = ["HealthCheck", "Image", "ImageSettings", "assemble"]
