"""`--through-service`: the same figures from a service that speaks the contract over a socket."""

import hashlib
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_status import rpc_status

from sketchzoo.images import ImageError, Modality, decode, prepare
from sketchzoo.model import ModelArtefact
from sketchzoo.onnx import open_session
from sketchzoo.parts import Focus
from sketchzoo.rpc.channel import ChannelSettings
from sketchzoo.rpc.errors import unimplemented
from sketchzoo.search.v1 import search_pb2, search_pb2_grpc
from sketchzoo_training.data import DataError, ImageFile, list_images
from sketchzoo_training.errors import ServiceError
from sketchzoo_training.evaluate.embedding import embed
from sketchzoo_training.evaluate.evaluation import evaluate
from sketchzoo_training.evaluate.through import Through, evaluate_through


class ColourSearch(search_pb2_grpc.SearchServiceServicer):
    """Searches by mean colour, five hits a page."""

    def __init__(self, model: Path, photos: tuple[ImageFile, ...]) -> None:
        self.artefact = ModelArtefact.load(model)
        self.photos = embed(self.artefact, photos, Modality.PHOTO)
        self.session = open_session(self.artefact.onnx(Modality.SKETCH))
        self.requests: list[search_pb2.SearchRequest] = []
        self.focuses = True

    def Search(  # noqa: N802 - the contract's name
        self, request: search_pb2.SearchRequest, context: grpc.ServicerContext
    ) -> search_pb2.SearchResponse:
        self.requests.append(request)
        if request.query.focus and not self.focuses:
            error = unimplemented("NO_FOCUS", "the gallery's model has none", field="query.focus")
            context.abort_with_status(rpc_status.to_status(error.status()))
        try:
            image = decode(request.query.sketch)
        except ImageError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"query.sketch {error}")
        tensor = prepare(image, self.artefact.towers[Modality.SKETCH].preprocessing)
        vector = self.session.run(None, {"images": tensor[None]})[0][0]
        cosines = self.photos.vectors @ vector
        order = np.argsort(-cosines, kind="stable")
        start = int(request.page_token or 0)
        response = search_pb2.SearchResponse(model_fingerprint=self.artefact.fingerprint)
        for index in order[start : start + 5]:
            file, sha256 = self.photos.files[index], self.photos.sha256[index]
            hit = response.hits.add(
                photo_id=str(uuid.uuid5(uuid.NAMESPACE_URL, sha256)),
                class_name=file.class_name,
                score=(1 + float(cosines[index])) / 2,
            )
            if request.include.payload:
                hit.payload["sha256"] = sha256
        if start + 5 < len(order):
            response.next_page_token = str(start + 5)
        return response


@pytest.fixture
def service(colour_zoo: Path, colour_model: Path) -> Iterator[tuple[str, ColourSearch]]:
    servicer = ColourSearch(colour_model, list_images(colour_zoo, Modality.PHOTO))
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool)
        search_pb2_grpc.add_SearchServiceServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}", servicer
        server.stop(None).wait()


def test_service_and_library_agree(
    service: tuple[str, ColourSearch], colour_zoo: Path, colour_model: Path
) -> None:
    """The service's rankings give the library's figures, sketch by sketch."""
    target, servicer = service
    photos = list_images(colour_zoo, Modality.PHOTO)
    sketches = list_images(colour_zoo, Modality.SKETCH)
    library = evaluate(ModelArtefact.load(colour_model), photos, sketches)
    answered = evaluate_through(Through(ChannelSettings(target)), photos, sketches)
    assert answered.evaluation.report() == library.report()
    assert answered.evaluation.queries == library.queries
    assert answered.fingerprint == ModelArtefact.load(colour_model).fingerprint
    assert all(request.exact for request in servicer.requests)
    assert not any(request.HasField("min_score") for request in servicer.requests)
    assert not any(request.HasField("filter") for request in servicer.requests)


def test_a_focus_is_asked_of_the_service(
    service: tuple[str, ColourSearch], colour_zoo: Path
) -> None:
    """Every search says the focus, and none where none was chosen."""
    photos = list_images(colour_zoo, Modality.PHOTO)
    sketches = list_images(colour_zoo, Modality.SKETCH)
    for focus, told in (
        (None, search_pb2.FOCUS_UNSPECIFIED),
        (Focus.SUBJECT, search_pb2.FOCUS_SUBJECT),
        (Focus.BOTH, search_pb2.FOCUS_BOTH),
        (Focus.SHAPE, search_pb2.FOCUS_SHAPE),
    ):
        service[1].requests.clear()
        evaluate_through(Through(ChannelSettings(service[0]), focus=focus), photos, sketches)
        assert {request.query.focus for request in service[1].requests} == {told}


def test_a_focus_that_the_service_lacks_is_an_error(
    service: tuple[str, ColourSearch], colour_zoo: Path
) -> None:
    """A service whose model has no focus refuses it, and its words are told."""
    service[1].focuses = False
    with pytest.raises(ServiceError, match="the gallery's model has none"):
        evaluate_through(
            Through(ChannelSettings(service[0]), focus=Focus.SHAPE),
            list_images(colour_zoo, Modality.PHOTO),
            list_images(colour_zoo, Modality.SKETCH),
        )


def test_a_split_of_what_was_ingested(
    service: tuple[str, ColourSearch], colour_zoo: Path, colour_model: Path
) -> None:
    """Photos of the service that are not in the gallery are passed over and counted."""
    photos = list_images(colour_zoo, Modality.PHOTO, split="test")
    sketches = list_images(colour_zoo, Modality.SKETCH, split="test")
    library = evaluate(ModelArtefact.load(colour_model), photos, sketches)
    answered = evaluate_through(Through(ChannelSettings(service[0])), photos, sketches)
    assert answered.evaluation.report() == library.report()
    assert answered.passed_over == 3


def test_damaged_and_doubled_files(service: tuple[str, ColourSearch], colour_zoo: Path) -> None:
    """Sketches the service refuses, and photos ingest left out, are counted."""
    photo = next((colour_zoo / "photo/cat").iterdir())
    (colour_zoo / "photo/cat/zz.png").write_bytes(photo.read_bytes())
    (colour_zoo / "photo/cat/broken.png").write_bytes(b"x")
    (colour_zoo / "sketch/cat/aa.png").write_bytes(b"x")
    answered = evaluate_through(
        Through(ChannelSettings(service[0])),
        list_images(colour_zoo, Modality.PHOTO),
        list_images(colour_zoo, Modality.SKETCH),
    )
    left_out = answered.evaluation.report()["left_out"]
    counts = {
        what: {why: told["count"] for why, told in left_out[what].items()} for what in left_out
    }
    assert counts == {
        "photos": {"duplicate": 1, "not_an_image": 1},
        "sketches": {"refused_by_service": 1},
    }


def test_photos_the_service_lacks_are_an_error(
    service: tuple[str, ColourSearch], colour_zoo: Path
) -> None:
    """A gallery that was not ingested is refused: its figures would be of another one."""
    photo = colour_zoo / "photo/cat/new.png"
    decode((colour_zoo / "photo/cat/n00000000_0.png").read_bytes()).rotate(90).save(photo)
    sha256 = hashlib.sha256(photo.read_bytes()).hexdigest()
    assert sha256 not in service[1].photos.sha256
    with pytest.raises(DataError, match=r"lacks 1 of 13 photos.*new\.png"):
        evaluate_through(
            Through(ChannelSettings(service[0])),
            list_images(colour_zoo, Modality.PHOTO),
            list_images(colour_zoo, Modality.SKETCH),
        )


def test_a_service_that_is_away_is_an_error(colour_zoo: Path) -> None:
    """Nobody listening ends with the code and the address."""
    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:1 cannot be reached: "):
        evaluate_through(
            Through(ChannelSettings("127.0.0.1:1"), deadline_seconds=2),
            list_images(colour_zoo, Modality.PHOTO),
            list_images(colour_zoo, Modality.SKETCH),
        )
