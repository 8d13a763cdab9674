"""Claims: which partitions list the same photo, and which of them it is by."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
from pyarrow import compute

from sketchzoo_ingest.outcome import Outcome, Reason
from sketchzoo_ingest.ray.records import KEPT, Records, Row
from sketchzoo_ingest.ray.summary import Summary

# Photos whose ids are held at once, 16 bytes each and as much again for grouping.
_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Claim:
    """A photo that several partitions list: by the first it stands, others are duplicates."""

    first: Row
    others: tuple[Row, ...]

    @property
    def is_new(self) -> bool:
        """Whether the photo was not in the collection before."""
        return any(row.outcome == Outcome.WRITTEN for row in (self.first, *self.others))

    @property
    def duplicates(self) -> Iterator[Row]:
        """The others, as they are reported."""
        first = self.first.class_name
        for row in self.others:
            alike = row.class_name == first
            reason = Reason.DUPLICATE if alike else Reason.DUPLICATE_IN_OTHER_CLASS
            named = f", as {first}" if first else ""
            message = f"the same photo was listed before{named}: that one stands"
            yield replace(row, outcome=Outcome.DUPLICATE, reason=reason, message=message)

    def correction(self) -> Summary:
        """Return what is to be added to what the partitions counted, each by itself."""
        total = Summary()
        rows = (self.first, *self.others)
        outcomes = [Outcome(row.outcome) for row in rows]
        # New to the collection it is once, whoever was quicker to write it.
        settled = Outcome.WRITTEN if self.is_new else outcomes[0]
        total.outcomes.subtract(outcomes)
        total.outcomes[settled] += 1
        for row in self.duplicates:
            total.outcomes[Outcome.DUPLICATE] += 1
            total.reasons[Reason(row.reason)] += 1
            total.examples.setdefault(Reason(row.reason), row.refusal())
            if row.photo is not None and row.photo.seen is not None:
                total.seen[row.photo.seen.class_name] -= 1
        return total


def claims(records: Records, partitions: int, photos: int) -> Iterator[Claim]:
    """Yield each photo that more than one of the partitions lists.

    Of so many photos the ids are gone through some at a time, by their first byte.
    """
    passes = min(256, 1 + photos // _AT_ONCE)
    for turn in range(passes):
        first, end = (256 * each // passes for each in (turn, turn + 1))
        yield from _claims(records, partitions, range(first, end))


def _claims(records: Records, partitions: int, bytes_of: range) -> Iterator[Claim]:
    numbers, ids = [], []
    for number in range(partitions):
        found = kept_ids(records, number)
        first = compute.binary_slice(found, 0, 1)
        wanted = compute.and_(
            compute.greater_equal(first, bytes((bytes_of.start,))),
            compute.less_equal(first, bytes((bytes_of.stop - 1,))),
        )
        found = found.filter(wanted)
        ids.append(found)
        numbers.append(pa.repeat(pa.scalar(number, pa.int32()), len(found)))
    if not ids:
        return
    table = pa.table({"id": pa.chunked_array(ids), "number": pa.chunked_array(numbers)})
    counted = table.group_by("id").aggregate([("number", "count"), ("number", "list")])
    several = counted.filter(compute.greater(counted["number_count"], 1))
    wanted_ids = {each.as_py() for each in several["id"]}
    rows: Mapping[str, list[Row]] = defaultdict(list)
    for number in sorted({one for each in several["number_list"] for one in each.as_py()}):
        for row in records.rows_of(number, wanted_ids):
            rows[row.photo_id].append(row)
    for first_row, *others in rows.values():
        yield Claim(first_row, tuple(others))


def kept_ids(records: Records, number: int) -> pa.ChunkedArray:
    """Return the ids of a partition's photos that are in the collection."""
    table = records.table(number, ["photo_id", "outcome"])
    return table.filter(compute.is_in(table["outcome"], pa.array(KEPT)))["photo_id"]


def unclaimed(records: Records, partitions: int, ids: Sequence[bytes]) -> set[bytes]:
    """Return those of the photos that no partition lists."""
    left = set(ids)
    for number in range(partitions):
        if not left:
            break
        found = kept_ids(records, number)
        listed = found.filter(compute.is_in(found, pa.array(list(left), found.type)))
        left.difference_update(listed.to_pylist())
    return left
