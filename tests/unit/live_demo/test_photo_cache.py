"""The cache of photos."""

from live_demo.photos import PhotoCache


def test_the_photos_asked_for_longest_ago_make_room() -> None:
    """No more bytes are kept than allowed."""
    cache = PhotoCache(10)
    for key in ("a", "b"):
        cache.put(key, (b"12345", "image/jpeg"))
    assert cache.get("a")
    cache.put("c", (b"123", "image/jpeg"))
    assert cache.get("b") is None
    assert cache.get("a") == (b"12345", "image/jpeg")
    assert cache.get("c")


def test_a_photo_put_twice_counts_once() -> None:
    """Two requests may fetch the same photo at once."""
    cache = PhotoCache(10)
    for _ in range(5):
        cache.put("a", (b"12345", "image/jpeg"))
    cache.put("b", (b"12345", "image/jpeg"))
    assert cache.get("a")


def test_a_photo_larger_than_the_cache_is_not_kept() -> None:
    """It is sent all the same, but pushes nothing out for good."""
    cache = PhotoCache(4)
    cache.put("a", (b"12345", "image/jpeg"))
    assert cache.get("a") is None
    cache.put("b", (b"1234", "image/jpeg"))
    assert cache.get("b")
