"""What would work instead of an operator that the array does not have."""

from __future__ import annotations

from collections.abc import Iterable

ADVICE = {
    "TRANSPOSE_CONV": "use UpSampling2D and a convolution instead",
    "RESIZE_BILINEAR": "use UpSampling2D with interpolation='nearest' instead",
    "L2_POOL_2D": "use an average or max pooling instead",
    "REDUCE_MAX": "use GlobalMaxPooling2D on a smaller map, or a max pooling with a window, instead",
    "SUM": "use GlobalAveragePooling2D instead, and scale the next layer's weights",
    "ELU": "use LeakyReLU or ReLU instead",
    "GELU": "use ReLU, hard swish or sigmoid instead",
    "EXP": "use sigmoid or ReLU instead",
    "MAXIMUM": "use ReLU or LeakyReLU instead, or an addition of the two branches",
    "MINIMUM": "use ReLU6 instead, or an addition of the two branches",
    "MIRROR_PAD": "pad with ZeroPadding2D, or by padding='same', instead",
    "PADV2": "pad with ZeroPadding2D, or by padding='same', instead",
    "CONV_3D": "use Conv2D on frames stacked into the channels instead",
    "CONV_3D_TRANSPOSE": "use UpSampling2D and Conv2D on frames stacked into the channels instead",
    "L2_NORMALIZATION": "normalise behind the network, or fold it into the last layer's use",
    "LOCAL_RESPONSE_NORMALIZATION": "use BatchNormalization instead, which the converter folds away",
    "SPACE_TO_DEPTH": "use a convolution with strides instead",
    "DEPTH_TO_SPACE": "use UpSampling2D and a convolution instead",
    "SPACE_TO_BATCH_ND": "use a convolution with dilation_rate instead, converted with a fixed input shape",
    "BATCH_TO_SPACE_ND": "use a convolution with dilation_rate instead, converted with a fixed input shape",
}
"""By operator. What is not listed has no near relative on the array."""

_PICKING = ("GATHER", "GATHER_ND", "SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "UNPACK")
ADVICE |= dict.fromkeys(_PICKING, "compute the parts by layers of their own instead")

_ORDER = ("TRANSPOSE", "REVERSE_V2", "SHAPE", "PACK", "TILE", "BROADCAST_TO")
ADVICE |= dict.fromkeys(_ORDER, "build the network so that maps stay height x width x channels")

_PRODUCTS = ("BATCH_MATMUL", "EMBEDDING_LOOKUP", "EINSUM")
ADVICE |= dict.fromkeys(_PRODUCTS, "use Dense or Conv2D, whose weights are constants, instead")

_SEARCHING = ("ARG_MAX", "ARG_MIN", "TOPK_V2", "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5")
ADVICE |= dict.fromkeys(_SEARCHING, "end the model before it and search in its outputs")

_RECURRENT = (
    "LSTM",
    "RNN",
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "BIDIRECTIONAL_SEQUENCE_RNN",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
    "SVDF",
)
ADVICE |= dict.fromkeys(_RECURRENT, "use convolutions, over frames stacked into the channels, instead")


def advice(op: str, supported: Iterable[str]) -> str:
    """The hint for an operator that is not among those ``supported``."""
    return f"{ADVICE.get(op, 'replace the layer')}; supported are {', '.join(sorted(supported))}"
