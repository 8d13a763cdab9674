"""Features: what a tower's classifier is asked with, read off its graph as it runs."""

from collections.abc import Iterator

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from onnx.external_data_helper import load_external_data_for_model

from model_artefact import graph
from model_artefact.class_head import WEIGHT, Floats
from model_artefact.pictures import pictures
from sketchzoo.images import Modality, prepare
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError


class FeatureSession:
    """One tower on one thread; several threads may run it at once."""

    def __init__(self, artefact: ModelArtefact, modality: Modality) -> None:
        """Open it.

        Raises:
            ModelError: its graph is missing, cannot be run or has no classifier.

        """
        self.preprocessing = artefact.towers[modality].preprocessing
        path = artefact.onnx(modality)
        model = graph.read(path)
        classifier = next((node for node in model.graph.node if WEIGHT in node.input), None)
        if classifier is None:
            raise ModelError(f"{path} has no layer of {WEIGHT}")
        self._features = classifier.input[0]
        found = helper.make_tensor_value_info(self._features, TensorProto.FLOAT, None)
        model.graph.output.append(found)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what is wrong with a model is raised
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            load_external_data_for_model(model, str(path.parent))
            self._session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its errors share no other base
            said = " ".join(str(error).split())
            raise ModelError(f"{path} is no model that ONNX Runtime can load: {said}") from error

    def run(self, image: Floats) -> tuple[Floats, Floats]:
        """Return the features `(f,)` and the embedding `(dimension,)` of a prepared image."""
        answer = self._session.run([self._features, "embedding"], {"images": image[None]})
        features, embedding = (np.asarray(each, np.float32).reshape(-1) for each in answer)
        return features, embedding

    def pictures(self) -> Iterator[Floats]:
        """Yield prepared pictures of things that differ, to try it with."""
        for each in pictures():
            yield prepare(each, self.preprocessing)
