"""Images go through CLIP in small batches; everything after it is numpy."""
import math

import clip
import numpy as np
import torch
from PIL import Image


def get_similarity_no_loop(text_features, image_features):
    tt = (text_features * text_features).sum(-1).rsqrt()
    ii = (image_features * image_features).sum(-1).rsqrt()
    return tt.diag() @ (text_features @ image_features.mT) @ ii.diag()


def encode(model, preprocess, images, device, batch_size=3):
    out = []
    for start in range(0, len(images), batch_size):
        batch = [preprocess(Image.fromarray(image)) for image in images[start : start + batch_size]]
        with torch.no_grad():
            out.append(model.encode_image(torch.stack(batch).to(device)).cpu().numpy().astype(np.float64))
    features = np.concatenate(out)
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def encode_texts(model, texts, device):
    with torch.no_grad():
        rows = model.encode_text(clip.tokenize(texts).to(device)).cpu().numpy().astype(np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def clip_zero_shot_classifier(clip_model, clip_preprocess, images, class_texts, device):
    best = np.argmax(encode(clip_model, clip_preprocess, images, device) @ encode_texts(clip_model, class_texts, device).T, axis=1)
    return [class_texts[b] for b in best]


class CLIPImageRetriever:
    def __init__(self, clip_model, clip_preprocess, images, device):
        self.clip_model = clip_model
        self.device = device
        self.cache = {}
        self.features = encode(clip_model, clip_preprocess, images, device)

    def retrieve(self, query, k=2):
        if query not in self.cache:
            self.cache[query] = self.features @ encode_texts(self.clip_model, [query], self.device)[0]
        return np.argsort(self.cache[query])[::-1][:k].astype(int).tolist()


class DINOSegmentation:
    """Logistic regression on standardised features, its gradient by hand."""

    def __init__(self, device, num_classes, inp_dim=384):
        self.device, self.num_classes = device, num_classes
        self.W = torch.zeros(inp_dim, num_classes, device=device)
        self.b = torch.zeros(num_classes, device=device)

    def train(self, X_train, Y_train, num_iters=500, lr=0.5):
        X, Y = X_train.to(self.device), Y_train.to(self.device)
        self.mean, self.std = X.mean(0), X.std(0) + 1e-6
        X = (X - self.mean) / self.std / math.sqrt(X.shape[1])
        target = torch.nn.functional.one_hot(Y, self.num_classes).float()
        for _ in range(num_iters):
            error = (torch.softmax(X @ self.W + self.b, 1) - target) / len(X)
            self.W -= lr * (X.T @ error) * 10
            self.b -= lr * error.sum(0)

    def inference(self, X_test):
        X = (X_test.to(self.device) - self.mean) / self.std / math.sqrt(X_test.shape[1])
        return (X @ self.W + self.b).argmax(1)
