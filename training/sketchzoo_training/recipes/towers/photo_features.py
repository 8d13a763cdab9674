"""The photo side: frozen ImageNet features, a linear probe over classes, a general part."""

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from sketchzoo.images import Modality, Preprocessing, prepare
from sketchzoo.towers import backbone as build_backbone
from sketchzoo_training.data import ImageFile, list_images
from sketchzoo_training.models.imagenet import imagenet
from sketchzoo_training.recipes.towers.config import TowersConfig
from sketchzoo_training.recipes.towers.drawings import UNSEEN, held_out_classes, same
from sketchzoo_training.recipes.towers.kept import kept, key_of

BACKBONE = "efficientnet_lite0"
FOLDS = 5


@dataclass(frozen=True, slots=True)
class PhotoFeatures:
    """PhotoFeatures as features of the frozen backbone: float32 `(n, 2, 1280)`, as is and mirrored.

    `names` are the classes that have photos, the zoo's first; the unseen ones come last
    and have labels from `seen` on.
    """

    features: npt.NDArray[np.float32] = field(repr=False)
    labels: npt.NDArray[np.int64] = field(repr=False)
    split: npt.NDArray[np.str_] = field(repr=False)
    names: tuple[str, ...]
    zoo: int
    seen: int

    @property
    def shared(self) -> tuple[str, ...]:
        """The classes that training may use: the zoo's first, then the others."""
        return self.names[: self.seen]

    @property
    def gallery(self) -> npt.NDArray[np.intp]:
        """The zoo's photos that calibration may show: those of train and val."""
        shown = np.isin(self.split, ("train", "val")) & (self.labels < self.zoo)
        return np.flatnonzero(shown)


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear map of features: weight `(out, 1280)` and bias `(out,)`."""

    weight: Tensor
    bias: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Map features `(n, 1280)` to `(n, out)`."""
        return functional.linear(features, self.weight, self.bias)


def preprocessing(config: TowersConfig) -> Preprocessing:
    """Return how photos are prepared; mean and deviation are the ImageNet weights' own."""
    return Preprocessing(config.photos.size, "crop", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def backbone() -> nn.Module:
    """Build the photo backbone with its ImageNet weights, ready to infer."""
    net, _ = build_backbone(BACKBONE)
    imagenet(net, BACKBONE)
    return net.eval()


def load_photos(data: Path, config: TowersConfig, cache: Path | None = None) -> PhotoFeatures:
    """Read all photos below `data` and compute their features; `cache` keeps the result."""
    held = held_out_classes(data, config)
    files = list(list_images(data / "zoo", Modality.PHOTO))
    zoo = sorted({file.class_name for file in files})
    if (data / "extra" / "photo").is_dir():
        files += list_images(data / "extra" / "photo", Modality.PHOTO)
    classes = [same(file.class_name) for file in files]
    others = sorted(set(classes) - set(zoo) - held)
    names = (*zoo, *others, *sorted(held))
    index = {name: number for number, name in enumerate(names)}
    split = [
        UNSEEN if name in held else file.split or "train"
        for file, name in zip(files, classes, strict=True)
    ]
    return PhotoFeatures(
        features=_features(files, config, cache).astype(np.float32),
        labels=np.array([index[name] for name in classes], np.int64),
        split=np.array(split),
        names=names,
        zoo=len(zoo),
        seen=len(zoo) + len(others),
    )


def fit_probe(photos: PhotoFeatures, chosen: npt.NDArray[np.intp], config: TowersConfig) -> Linear:
    """Fit a classifier over the shared classes to some photos, each as is and mirrored.

    Classes weigh by the root of their size. Weight decay is strong: many classes have
    fewer than twenty photos, and ImageNet's features need little turning. A linear
    discriminant of the same photos has a share in it: where classes lie and how their
    members scatter is told by another kind of error (docs/study-tries.md).
    """
    features = torch.from_numpy(photos.features[chosen]).transpose(0, 1).flatten(0, 1)
    labels = torch.from_numpy(photos.labels[chosen]).repeat(2)
    mean, deviation = features.mean(0), features.std(0) + 1e-3
    counts = torch.bincount(labels, minlength=photos.seen).clamp(min=1).float()
    weight = counts.rsqrt()
    weight = weight / weight[labels].mean()
    other = discriminant(features, labels, weight, config.photos.discriminant_shrinkage)
    features = (features - mean) / deviation
    probe = nn.Linear(features.shape[1], photos.seen)
    nn.init.zeros_(probe.weight)
    nn.init.zeros_(probe.bias)
    optimiser = torch.optim.AdamW(
        probe.parameters(), lr=0.01, weight_decay=config.photos.probe_weight_decay
    )
    steps = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.photos.probe_steps)
    generator = torch.Generator().manual_seed(config.seed)
    for _ in range(config.photos.probe_steps):
        batch = torch.randint(len(features), (512,), generator=generator)
        loss = functional.cross_entropy(
            probe(features[batch]),
            labels[batch],
            weight=weight,
            label_smoothing=config.objective.label_smoothing,
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        steps.step()
    with torch.no_grad():
        # The standardisation goes into the map, so that it takes plain features.
        scaled = probe.weight / deviation
        share = config.photos.discriminant_share
        return Linear(
            scaled + share * other.weight, probe.bias - scaled @ mean + share * other.bias
        )


def discriminant(features: Tensor, labels: Tensor, weight: Tensor, shrinkage: float) -> Linear:
    """Fit the linear discriminant of features `(n, 1280)`, as log likelihoods but for a constant.

    All classes are as likely and scatter alike; `weight` `(classes,)` tells how much each
    has a say in that. The covariance is drawn to an even one by `shrinkage` (Friedman,
    "Regularized Discriminant Analysis", JASA 1989).
    """
    middle = features.mean(0)
    features = features - middle
    counts = torch.bincount(labels, minlength=len(weight)).clamp(min=1)
    sums = torch.zeros(len(weight), features.shape[1]).index_add_(0, labels, features)
    means = sums / counts[:, None]
    apart = features - means[labels]
    covariance = (apart * weight[labels, None]).T @ apart / len(apart)
    even = covariance.diagonal().mean() * torch.eye(len(covariance))
    towards = torch.linalg.solve(torch.lerp(covariance, even, shrinkage), means.T).T
    return Linear(towards, -(towards * (means / 2 + middle)).sum(1))


def out_of_fold(photos: PhotoFeatures, config: TowersConfig) -> Tensor:
    """Return logits of every zoo photo for training and choosing, by a probe that has not seen it.

    `(n, seen)`, for all photos; rows of others are zero. Choosing needs a gallery, val has
    two photos of a class, and a probe's own training photos would flatter it.
    """
    logits = torch.zeros(len(photos.labels), photos.seen)
    usable = np.flatnonzero(np.isin(photos.split, ("train", "val")))
    fold = np.zeros(len(photos.labels), np.int64)
    for label in range(photos.seen):
        members = usable[photos.labels[usable] == label]
        members = np.random.default_rng([config.seed, label]).permutation(members)
        fold[members] = np.arange(len(members)) % FOLDS
    for number in range(FOLDS):
        learned = usable[fold[usable] != number]
        asked = usable[fold[usable] == number]
        probe = fit_probe(photos, learned, config)
        logits[asked] = probe(torch.from_numpy(photos.features[asked, 0]))
    return logits


def general_part(photos: PhotoFeatures, config: TowersConfig) -> Linear:
    """Fit the general part: the features' principal axes, each scaled by its root deviation.

    Whitening half way keeps the leading axes ahead of what is mostly noise.
    """
    chosen = photos.split == "train"
    features = torch.from_numpy(photos.features[chosen, 0])
    mean = features.mean(0)
    _, values, axes = torch.linalg.svd(features - mean, full_matrices=False)
    weight = axes[: config.network.general] / values[: config.network.general, None].sqrt()
    weight = weight * values[0].sqrt()
    return Linear(weight, -(weight @ mean))


def prototypes(photos: PhotoFeatures, general: Linear) -> Tensor:
    """Return each shared class's mean direction in the general part: `(seen, general)`."""
    chosen = np.flatnonzero(photos.split == "train")
    vectors = functional.normalize(general(torch.from_numpy(photos.features[chosen, 0])), dim=1)
    labels = torch.from_numpy(photos.labels[chosen])
    sums = torch.zeros(photos.seen, vectors.shape[1]).index_add_(0, labels, vectors)
    return functional.normalize(sums, dim=1)


def fitted_to(photos: PhotoFeatures, config: TowersConfig) -> dict[str, object]:
    """Return all that `fit_probe` depends on, as values of JSON."""
    content = hashlib.sha256()
    for part in (photos.features, photos.labels, photos.split):
        content.update(np.ascontiguousarray(part).tobytes())
    return {
        "photos": content.hexdigest(),
        "names": list(photos.names),
        "seed": config.seed,
        "label_smoothing": config.objective.label_smoothing,
        "probe": config.photos.model_dump(mode="json"),
    }


def _features(
    files: list[ImageFile], config: TowersConfig, cache: Path | None
) -> npt.NDArray[np.float16]:
    how = preprocessing(config)

    def compute() -> npt.NDArray[np.float16]:
        net = backbone().to(memory_format=torch.channels_last)
        batches = []
        with torch.inference_mode():
            for start in range(0, len(files), 32):
                images = np.stack(
                    [prepare(file.required(), how) for file in files[start : start + 32]]
                )
                plain = torch.from_numpy(images)
                both = torch.cat([plain, plain.flip(3)])
                both = both.contiguous(memory_format=torch.channels_last)
                batches.append(net(both).unflatten(0, (2, -1)).transpose(0, 1).numpy())
        # What is packed in half precision is to teach what files teach.
        return np.concatenate(batches).astype(np.float16)

    return kept(cache, key_of(files, backbone=BACKBONE, preprocessing=asdict(how)), compute)
