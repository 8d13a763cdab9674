"""The queue of calls."""

import threading

import pytest

from encoder_service.queue import QueueFullError, WorkQueue
from encoder_service.work import Entry, ImageFile, Work
from sketchzoo.images import Modality


def work(images: int = 1) -> Work:
    return Work([ImageFile(b"", Modality.PHOTO)] * images, 1e9, 0.0, lambda: None)


def take(queue: WorkQueue) -> Entry:
    job = queue.take()
    assert job is not None
    return job


def test_calls_of_one_image_are_taken_first_come_first_served() -> None:
    """Among equals nobody overtakes."""
    queue = WorkQueue(8)
    calls = [work() for _ in range(5)]
    for call in calls:
        queue.put(call)
    assert [take(queue).work for _ in calls] == calls
    assert queue.items == 0


def test_calls_take_turns_image_by_image() -> None:
    """A single image waits for one image of the batch before it, not for all of them."""
    queue = WorkQueue(8)
    batch, single = work(4), work()
    queue.put(batch)
    queue.put(single)
    taken = [take(queue) for _ in range(5)]
    assert [job.work for job in taken] == [batch, single, batch, batch, batch]
    assert [job.index for job in taken if job.work is batch] == [0, 1, 2, 3]


def test_a_full_queue_refuses_and_tells_how_many_images_wait() -> None:
    """The limit counts calls; a place is free again once a call's last image is taken."""
    queue = WorkQueue(2)
    queue.put(work(3))
    queue.put(work())
    with pytest.raises(QueueFullError) as caught:
        queue.put(work())
    assert caught.value.items == 4
    take(queue)
    with pytest.raises(QueueFullError):
        queue.put(work())
    take(queue)
    queue.put(work())


def test_calls_of_several_images_get_half_of_the_places() -> None:
    """Batches cannot shut out single images."""
    queue = WorkQueue(4)
    for _ in range(2):
        queue.put(work(64))
    with pytest.raises(QueueFullError):
        queue.put(work(2))
    queue.put(work())
    queue.put(work())
    with pytest.raises(QueueFullError):
        queue.put(work())


def test_even_the_smallest_queue_takes_a_batch() -> None:
    """Half of one place is still one."""
    WorkQueue(1).put(work(64))


def test_a_removed_call_frees_its_place() -> None:
    """What a cancelled call still had waiting is gone, and counted."""
    queue = WorkQueue(2)
    batch = work(10)
    queue.put(batch)
    take(queue)
    assert queue.remove(batch) == 9
    assert queue.remove(batch) == 0
    assert queue.items == 0
    queue.put(work(2))
    queue.put(work())
    assert take(queue).work is not batch


def test_closing_wakes_those_who_wait() -> None:
    """Workers end when the queue does."""
    queue = WorkQueue(1)
    taken: list[Entry | None] = []
    thread = threading.Thread(target=lambda: taken.append(queue.take()))
    thread.start()
    queue.close()
    thread.join(10)
    assert taken == [None]


def test_a_queue_of_no_places_is_refused() -> None:
    """A limit of 0 would refuse every call."""
    with pytest.raises(ValueError, match="limit must be at least 1"):
        WorkQueue(0)
