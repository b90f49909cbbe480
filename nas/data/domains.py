"""Domains of a data set's classes: the given ones, or a partition found on training images.

    given       those that the data set names
    even        consecutive classes, in groups of even size
    features    classes whose mean images are alike: k-means (Lloyd 1982)
    confusion   classes that a linear classifier confuses: spectral clustering (von Luxburg 2007)

Shapes: N sampled training images, F ≤ 192 pixels of each, C classes.
"""

import warnings
from collections.abc import Iterable
from typing import Any, Literal, assert_never

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from nas.data.batches import Data
from nas.schema import ProblemError

Kind = Literal["given", "even", "features", "confusion"]

SAMPLE = 5_000
"""Number of training images that are looked at, about equally many of each class."""
SIDE = 8
"""Side in pixels to which larger images are reduced, by averages."""
FOLDS = 5
"""Of cross-validation; fewer if a class has fewer images."""
INVERSE_PENALTY = 0.01
"""`C` of scikit-learn's logistic regression."""

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def class_domains(kind: Kind, data: Data, count: int, seed: int) -> tuple[int, ...]:
    """The domain of each class, one of `count` from 0, none of them empty.

    A function of the training images and `seed`: equal arguments give equal domains. `features` and
    `confusion` do not depend on the order of the classes: numbered otherwise, they keep their
    domains. Raises ProblemError for more domains than classes, more than the data set names
    (`given`), and a class with too few training images.
    """
    classes = data.num_classes
    if not 1 <= count <= classes:
        raise ProblemError(
            f"{classes} classes cannot be divided into {count} domains",
            fix=f"choose a number of domains from 1 to {classes}",
        )
    match kind:
        case "given":
            return _given(data.class_domains, count)
        case "even":
            return _merged(range(classes), classes, count)
        case "features" | "confusion":
            return _found(kind, data, count, seed)
        case _:
            assert_never(kind)


def _given(domains: tuple[int, ...], count: int) -> tuple[int, ...]:
    named = max(domains, default=-1) + 1
    if named < count:
        some = f"names {named} domains, not {count}" if named else "names no domains of its classes"
        fewer = f"choose at most {named} domains, or " if named else "choose "
        raise ProblemError(
            f"the data set {some}", fix=f"{fewer}domains that are even, features or confusion"
        )
    return _merged(domains, named, count)


def _merged(domains: Iterable[int], named: int, count: int) -> tuple[int, ...]:
    """Consecutive domains of `named` merged into `count`, as evenly as possible."""
    return tuple(domain * count // named for domain in domains)


def _found(
    kind: Literal["features", "confusion"], data: Data, count: int, seed: int
) -> tuple[int, ...]:
    pixels, labels = _sampled(data, seed, least=1 if kind == "features" else 2)
    # Numbered by its first image, a class has a number that its label does not change.
    _, first, labels = np.unique(labels, return_index=True, return_inverse=True)
    number = first.argsort().argsort()
    labels, classes = number[labels], len(number)
    if count in (1, classes):
        groups = np.arange(classes) % count
    elif kind == "features":
        means = np.stack([pixels[labels == label].mean(axis=0) for label in range(classes)])
        groups = _k_means(means, count, seed)
    else:
        groups = _spectral(_confusion(pixels, labels), count, seed)
    return tuple(groups[number].tolist())


def _sampled(data: Data, seed: int, *, least: int) -> tuple[Array, Index]:
    """Pixels `(N, F)` of training images in a random order, standardised: each has mean 0 and
    deviation 1 over the sample, or is 0 if it is constant. Labels `(N,)`.

    Raises ProblemError for a class with fewer than `least` images.
    """
    counts = data.train.labels.bincount(minlength=data.num_classes).tolist()
    for name, images in zip(data.class_names, counts, strict=True):
        if images < least:
            raise ProblemError(
                f"class {name} has {images} training images", fix=f"give it at least {least}"
            )
    most = max(least, SAMPLE // data.num_classes)
    left = [min(images, most) for images in counts]
    pixels, labels = [], []
    shuffle = torch.Generator().manual_seed(seed)
    for x, batch in data.train.batches(256, generator=shuffle):
        kept = []
        for i, label in enumerate(batch.tolist()):
            if left[label]:
                left[label] -= 1
                kept.append(i)
                labels.append(label)
        if kept:
            small = functional.adaptive_avg_pool2d(x[kept], min(SIDE, x.shape[-1]))
            pixels.append(small.flatten(1).cpu())
        if not any(left):  # before further files are decoded
            break
    found = torch.cat(pixels).double().numpy()
    deviation = found.std(axis=0)
    constant = deviation <= 1e-6  # rounding
    return (found - found.mean(axis=0)) / np.where(constant, np.inf, deviation), np.array(labels)


def _confusion(pixels: Array, labels: Index) -> Array:
    """`(C, C)`: the probability that a linear classifier of the pixels gives to one class on images
    of another, the mean of both directions; 0 of a class with itself.

    Multinomial logistic regression, cross-validated: the model that predicts an image's class was
    not trained on it. Probabilities, because a few hundred images have few errors to count.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    model: Any = LogisticRegression(C=INVERSE_PENALTY, tol=1e-3, max_iter=200)
    folds = StratifiedKFold(min(FOLDS, np.bincount(labels).min()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # its confusions serve as well
        probs = cross_val_predict(model, pixels, labels, cv=folds, method="predict_proba")
    rows = np.stack([probs[labels == label].mean(axis=0) for label in range(probs.shape[1])])
    affinity = (rows + rows.T) / 2
    np.fill_diagonal(affinity, 0)
    return np.asarray(affinity)


def _spectral(affinity: Array, count: int, seed: int) -> Index:
    """Groups `(C,)` of an affinity `(C, C)`: k-means in the first `count` eigenvectors of its
    normalised Laplacian."""
    from sklearn.manifold import spectral_embedding

    connected = affinity + 1e-9 * affinity.max()  # classes that are never confused are far apart
    points = spectral_embedding(connected, n_components=count, drop_first=False, random_state=seed)
    return _k_means(points, count, seed)


def _k_means(points: Array, count: int, seed: int) -> Index:
    """Groups `(C,)` of points `(C, D)`, none of them empty."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different points than groups
        found = KMeans(count, n_init=20, random_state=seed).fit(points)
    groups = np.asarray(found.labels_, dtype=np.int64)
    away = ((points - found.cluster_centers_[groups]) ** 2).sum(axis=1)
    for empty in sorted(set(range(count)) - set(groups.tolist())):
        shared = np.bincount(groups, minlength=count)[groups] > 1
        groups[np.where(shared, away, -1.0).argmax()] = empty
    return groups
