"""Two pretrained vision models put to use: CLIP for classification and search, DINO for segmentation.

Papers
    Radford et al. 2021, Learning Transferable Visual Models From Natural Language Supervision    CLIP
    Caron et al. 2021, Emerging Properties in Self-Supervised Vision Transformers                 DINO
    Pont-Tuset et al. 2017, The 2017 DAVIS Challenge on Video Object Segmentation                 the videos

Equations
    cosine       s(t, v) = t . v / (|t| |v|)
    IoU          |A and B| / |A or B|           of the pixels A that are predicted and B that are true

Dimensions
    N, M number of texts and of images   D features   H, W height and width of an image

CLIP maps an image and a sentence that fits it to vectors in nearly the same direction. DINO's vision
transformer cuts an image of 480 x 480 pixels into 60 x 60 patches and gives each of them 384 features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import clip
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn


def hello_clip_dino() -> None:
    """Print a greeting; shows that the notebook finds this file."""
    print("Hello from clip_dino.py!")


# -----------------------------------------------------------------------------
# CLIP


def get_similarity_no_loop(text_features: Tensor, image_features: Tensor) -> Tensor:
    """Cosine of every text with every image, without a loop.

    text_features (N,D), image_features (M,D), neither of unit length -> (N,M), entry [n,m] for text n and
    image m.
    """
    # TODO: the cosine of every pair of rows, without a loop
    raise NotImplementedError("get_similarity_no_loop")


@torch.no_grad()
def clip_zero_shot_classifier(
    clip_model: nn.Module,
    clip_preprocess: Callable[[Image.Image], Tensor],
    images: Sequence[np.ndarray],
    class_texts: Sequence[str],
    device: Any,
) -> list[str]:
    """Name the class of each image by the text that CLIP finds most similar to it. Nothing is trained.

    clip_model       encode_image (M,3,H,W) -> (M,D), encode_text (N,77) int -> (N,D); not of unit length
    clip_preprocess  takes a PIL image and returns a tensor (3,H,W); PIL images come from Image.fromarray
    images           M arrays (H,W,3), uint8, which may differ in size
    class_texts      N texts; clip.tokenize turns them into integers (N,77)

    Returns M of the class_texts, one for each image in turn.
    """
    # TODO: encode images and texts, and take the most similar text for each image
    raise NotImplementedError("clip_zero_shot_classifier")


class CLIPImageRetriever:
    """Finds images by words: the images are encoded once, every query costs one text."""

    @torch.no_grad()
    def __init__(
        self,
        clip_model: nn.Module,
        clip_preprocess: Callable[[Image.Image], Tensor],
        images: Sequence[np.ndarray],
        device: Any,
    ) -> None:
        """Encode the images and keep what `retrieve` needs; arguments as in clip_zero_shot_classifier."""
        # TODO: encode all images here, once
        raise NotImplementedError("CLIPImageRetriever.__init__")

    @torch.no_grad()
    def retrieve(self, query: str, k: int = 2) -> list[int]:
        """Indices of the k images that are most similar to the query, the best one first. Encodes no image."""
        # TODO: compare the query's features with those of the images
        raise NotImplementedError("CLIPImageRetriever.retrieve")


# -----------------------------------------------------------------------------
# DINO


class DavisDataset:
    """Videos of DAVIS 2017 (validation), as features of DINO and masks of the same size.

    Needs the packages tensorflow_datasets and opencv-python, and the data, which the first download.
    """

    def __init__(self) -> None:
        import tensorflow_datasets as tfds
        from torchvision import transforms

        self._tfds = tfds
        self.davis = tfds.load("davis/480p", split="validation", as_supervised=False)
        self.img_tsfm = transforms.Compose([
            transforms.Resize((480, 480)),
            transforms.ToTensor(),
            transforms.Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        ])

    def get_sample(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """One video: frames (T,H,W,3) and masks (T,H,W,1), uint8. A mask has 0 for the background, 1, 2, … for objects."""
        for number, sample in enumerate(self._tfds.as_numpy(self.davis)):
            if number == index:
                video = sample["video"]
                print(f"video {sample['metadata']['video_name'].decode()}: {len(video['frames'])} frames")
                return video["frames"], video["segmentations"]
        raise IndexError(f"there is no video {index}")

    @torch.no_grad()
    def process_frames(self, frames: np.ndarray, dino_model: nn.Module, device: Any) -> Tensor:
        """Frames (T,H,W,3) -> features of their patches (T,3600,384). The first token stands for the whole
        image and is left out."""
        features = []
        for frame in frames:
            pixels = self.img_tsfm(Image.fromarray(frame)).unsqueeze(0).to(device)              # (1,3,480,480)
            features.append(dino_model.get_intermediate_layers(pixels, n=1)[0][0, 1:])          # (3600,384)
        return torch.stack(features)

    def process_masks(self, masks: np.ndarray, device: Any) -> Tensor:
        """Masks (T,H,W,1) -> the class of every patch (T,3600), int64: that of the nearest pixel."""
        import cv2

        small = [cv2.resize(mask[..., 0], (60, 60), interpolation=cv2.INTER_NEAREST) for mask in masks]
        return torch.as_tensor(np.stack(small)).long().flatten(1).to(device)


def create_segmentation_overlay(segmentation_mask: Any, image: np.ndarray, alpha: float = 0.5) -> np.ndarray:
    """Paint the classes of a mask over an image: (H,W,3), uint8.

    segmentation_mask (h,w) integers, 0 for the background; image (H,W,3) uint8; alpha is the paint's weight.
    """
    mask = np.asarray(segmentation_mask).astype(np.uint8)
    # The first colours of a wheel that turns by the golden angle: neighbours differ.
    hues = (np.arange(256) * 137.508 % 360)[:, None] * np.pi / 180 + np.array([0, 2, 4]) * np.pi / 3
    colours = (127.5 + 127.5 * np.cos(hues)) * (np.arange(256) > 0)[:, None]                    # 0 is black
    large = np.asarray(Image.fromarray(mask).resize(image.shape[1::-1], Image.Resampling.NEAREST))
    return np.rint((1 - alpha) * image + alpha * colours[large]).astype(np.uint8)


def compute_iou(pred: Tensor, gt: Tensor, num_classes: int) -> float:
    """Mean over all classes of |pred and gt| / |pred or gt|; a class that neither of them has counts 0.

    pred, gt integers of one shape, classes 0 … num_classes - 1.
    """
    total = 0.0
    for label in range(num_classes):
        union = ((pred == label) | (gt == label)).sum().item()
        if union:
            total += ((pred == label) & (gt == label)).sum().item() / union
    return total / num_classes


class DINOSegmentation:
    """A small classifier of patches, trained on one annotated frame."""

    def __init__(self, device: Any, num_classes: int, inp_dim: int = 384) -> None:
        """Make the network and whatever training it needs.

        device       where it runs
        num_classes  classes of a patch, the background among them
        inp_dim      features of a patch
        """
        # TODO: a small network, its loss and its optimizer
        raise NotImplementedError("DINOSegmentation.__init__")

    def train(self, X_train: Tensor, Y_train: Tensor, num_iters: int = 500) -> None:
        """Train on patches X_train (N,inp_dim) with classes Y_train (N,), int64, for num_iters steps."""
        # TODO: minimise the cross-entropy on all patches at once
        raise NotImplementedError("DINOSegmentation.train")

    @torch.no_grad()
    def inference(self, X_test: Tensor) -> Tensor:
        """The most likely class of every patch: X_test (N,inp_dim) -> (N,), int64."""
        # TODO: the class with the highest score, with dropout switched off
        raise NotImplementedError("DINOSegmentation.inference")
