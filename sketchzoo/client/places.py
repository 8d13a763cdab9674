"""Places on Earth, and areas that photos are looked for in; degrees are those of WGS 84."""

from dataclasses import dataclass

from sketchzoo.client import arguments

_MAX_LAT, _MAX_LON = 90, 180


@dataclass(frozen=True, slots=True)
class GeoPoint:
    """A place: degrees north and east."""

    lat: float
    lon: float

    def __post_init__(self) -> None:
        for name, most in (("lat", _MAX_LAT), ("lon", _MAX_LON)):
            value = arguments.number(name, getattr(self, name))
            if not -most <= value <= most:
                raise ValueError(f"{name} must be -{most} to {most} degrees, not {value:g}")
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True)
class GeoRadius:
    """The area within `radius` metres of a place."""

    center: GeoPoint
    radius: float

    def __post_init__(self) -> None:
        _check_point("center", self.center)
        radius = arguments.number("radius", self.radius)
        if not 0 < radius < float("inf"):
            raise ValueError(f"radius must be above 0 metres, not {radius:g}")
        object.__setattr__(self, "radius", radius)


@dataclass(frozen=True, slots=True)
class GeoBoundingBox:
    """The area between two corners; it crosses the 180th meridian where right is west of left."""

    top_left: GeoPoint
    bottom_right: GeoPoint

    def __post_init__(self) -> None:
        _check_point("top_left", self.top_left)
        _check_point("bottom_right", self.bottom_right)
        if self.top_left.lat < self.bottom_right.lat:
            raise ValueError("top_left must lie north of bottom_right")


def _check_point(name: str, value: object) -> None:
    if not isinstance(value, GeoPoint):
        raise TypeError(f"{name} must be a GeoPoint(lat, lon), not {type(value).__name__}")
