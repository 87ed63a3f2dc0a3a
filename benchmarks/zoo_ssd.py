"""SSD MobileNetV2 at 320 pixels, of the shape of the TensorFlow 2 Object Detection zoo's, in plain Keras, as a peer.

Written from the zoo's configuration (ssd_mobilenet_v2_320x320_coco17): MobileNetV2 of width 1; maps of strides 16 and
32 and four smaller ones of 512, 256, 256 and 128 channels; 3 boxes a cell on the first, 6 on the others; 1x1 predictors
of 4 coordinates and of 90 classes with background. Random weights: they cost the same time as trained ones. Decoding of
its boxes is left out, which favours it.
"""

from __future__ import annotations

import keras

SIZE, CLASSES = 320, 91
EXTRA = (512, 256, 256, 128)
BOXES = (3, 6, 6, 6, 6, 6)


def ssd_mobilenet_v2() -> keras.Model:
    """(N, 320, 320, 3) -> boxes (N, K, 4) and class scores (N, K, 91)."""
    trunk = keras.applications.MobileNetV2((SIZE, SIZE, 3), include_top=False, weights=None)
    maps = [trunk.get_layer("block_13_expand_relu").output, trunk.output]
    for channels in EXTRA:
        x = keras.layers.Conv2D(channels // 2, 1, activation="relu6")(maps[-1])
        maps.append(keras.layers.Conv2D(channels, 3, strides=2, padding="same", activation="relu6")(x))
    boxes, scores = [], []
    for each, count in zip(maps, BOXES, strict=True):
        boxes.append(keras.layers.Reshape((-1, 4))(keras.layers.Conv2D(4 * count, 1)(each)))
        scores.append(keras.layers.Reshape((-1, CLASSES))(keras.layers.Conv2D(CLASSES * count, 1)(each)))
    said = [keras.layers.Concatenate(axis=1)(boxes), keras.layers.Concatenate(axis=1)(scores)]
    return keras.Model(trunk.input, [said[0], keras.layers.Activation("sigmoid")(said[1])])
