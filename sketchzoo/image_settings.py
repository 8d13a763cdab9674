"""What each part lets its operator choose of the image files that it decodes."""

from pydantic import Field

from sketchzoo.image_limits import ImageLimits
from sketchzoo.settings import Count, Seconds, Settings

_DEFAULTS = ImageLimits()


class ImageSettings(Settings):
    """How large an image may be; docs/images.md has the same names for every part."""

    subject = "Images"

    max_bytes: Count = Field(_DEFAULTS.max_bytes, description="Largest image file taken, in bytes.")
    max_pixels: Count = Field(
        _DEFAULTS.max_pixels, description="Largest image taken, in pixels: width times height."
    )
    max_memory_bytes: Count = Field(
        _DEFAULTS.max_memory_bytes,
        description="What decoding may hold in memory, all images of this part together: "
        "large ones wait for each other, and one that needs more alone is refused. JPEGs need "
        "little, since they are decoded at a reduced scale.",
    )
    decode_seconds: Seconds = Field(
        _DEFAULTS.max_seconds,
        description="Seconds of one core that decoding one image may take; one that takes "
        "longer is refused.",
    )

    def image_limits(self) -> ImageLimits:
        """Return them as `sketchzoo.images` takes them."""
        return ImageLimits(
            self.max_bytes, self.max_pixels, self.max_memory_bytes, self.decode_seconds
        )
