"""Operators of classical machine learning (domain ai.onnx.ml), most of which onnx does not infer shapes for."""

from __future__ import annotations

from hwsim.errors import ModelError
from hwsim.onnx_io.shapes.op import Handler, Op, Shaped
from hwsim.onnx_io.values import Shape, shown

#: The domain of these operators.
DOMAINS = {"ai.onnx.ml"}


def _rows(op: Op) -> int:
    """Samples of the input: one where it is a single vector of features."""
    shape = op.shape(0)
    return shape[0] if len(shape) > 1 else 1


def _labels(op: Op) -> tuple[int, str]:
    """Number of class labels, and their type."""
    for name, dtype in (
        ("classlabels_int64s", "int64"),
        ("classlabels_ints", "int64"),
        ("classlabels_strings", "string"),
    ):
        found = op.attributes.get(name)
        if isinstance(found, tuple) and found:
            return len(found), dtype
    return 0, "int64"


def classifier(op: Op) -> tuple[Shaped, ...]:
    """Linear, support-vector and tree classifiers: the label of each sample, and a score for each class."""
    count, dtype = _labels(op)
    if not count:
        raise ModelError("no class labels are given (classlabels_int64s or classlabels_strings)")
    rows = _rows(op)
    return (Shaped((rows,), dtype), Shaped((rows, count), "float32"))


def regressor(attribute: str) -> Handler:
    """Regressors: as many targets for each sample as the attribute says."""

    def handler(op: Op) -> tuple[Shaped, ...]:
        targets = op.number(attribute, 1) if attribute else 1
        if targets < 1:
            raise ModelError(f"attribute {attribute!r} is {targets}; it must be at least 1")
        kind = op.dtype(0) if op.op == "TreeEnsemble" else "float32"
        return (Shaped((_rows(op), targets), kind),)

    return handler


def to_float(op: Op) -> tuple[Shaped, ...]:
    """Scaler, Normalizer: the same shape in float32."""
    return (Shaped(op.shape(0), "float32"),)


def same(op: Op) -> tuple[Shaped, ...]:
    """Imputer, Binarizer, and ZipMap, whose maps hold the scores that come in."""
    first = op.value(0)
    return (Shaped(first.shape, first.dtype),)


def features(op: Op) -> tuple[Shaped, ...]:
    """FeatureVectorizer: the features of all inputs side by side."""
    widths = [value.shape[-1] if value.shape else 1 for value in op.inputs if value is not None]
    given = op.numbers("inputdimensions")
    if given is not None and any(width < 1 for width in given):
        raise ModelError(f"inputdimensions {list(given)[:8]}: each must be at least 1")
    return (Shaped((_rows(op), sum(given or widths)), "float32"),)


def picked(op: Op) -> tuple[Shaped, ...]:
    """ArrayFeatureExtractor: the elements of the last dim that the indices name."""
    shape: Shape = op.shape(0)
    if not shape:
        raise ModelError(f"input {shown(shape)} has no dim to pick from")
    count = op.value(1).elements
    return (Shaped((1, count) if len(shape) == 1 else (*shape[:-1], count), op.dtype(0)),)


def one_hot(op: Op) -> tuple[Shaped, ...]:
    """OneHotEncoder: a dim more, as long as there are categories."""
    categories = op.attributes.get("cats_int64s") or op.attributes.get("cats_strings") or ()
    if not isinstance(categories, tuple) or not categories:
        raise ModelError("no categories are given (cats_int64s or cats_strings)")
    return (Shaped((*op.shape(0), len(categories)), "float32"),)


def vocabulary(op: Op) -> tuple[Shaped, ...]:
    """DictVectorizer: a row as long as the vocabulary."""
    words = op.attributes.get("string_vocabulary") or op.attributes.get("int64_vocabulary") or ()
    if not isinstance(words, tuple) or not words:
        raise ModelError("no vocabulary is given (string_vocabulary or int64_vocabulary)")
    return (Shaped((1, len(words)), op.dtype(0)),)


HANDLERS: dict[str, Handler] = {
    "LinearClassifier": classifier,
    "SVMClassifier": classifier,
    "TreeEnsembleClassifier": classifier,
    "LinearRegressor": regressor("targets"),
    "SVMRegressor": regressor(""),
    "TreeEnsembleRegressor": regressor("n_targets"),
    "TreeEnsemble": regressor("n_targets"),
    "Scaler": to_float,
    "Normalizer": to_float,
    "Imputer": same,
    "Binarizer": same,
    "ZipMap": same,
    "FeatureVectorizer": features,
    "ArrayFeatureExtractor": picked,
    "OneHotEncoder": one_hot,
    "DictVectorizer": vocabulary,
}
