"""Broadcasting and torch.nn.functional; the names of `clip` are imported one by one."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from clip import tokenize as to_tokens
from PIL import Image
from torch import nn

TEMPLATE = "This is a photo of {}."


def get_similarity_no_loop(text_features, image_features):
    return F.cosine_similarity(text_features[:, None, :], image_features[None, :, :], dim=2)


def _images(clip_model, clip_preprocess, images, device):
    clip_model.eval()
    pixels = [clip_preprocess(Image.fromarray(im).convert("RGB")) for im in images]
    with torch.inference_mode():
        return F.normalize(clip_model.encode_image(torch.stack(pixels, 0).to(device)).float(), p=2, dim=-1)


def _texts(clip_model, texts, device):
    with torch.inference_mode():
        return F.normalize(clip_model.encode_text(to_tokens([TEMPLATE.format(t) for t in texts]).to(device)).float(), dim=-1)


def clip_zero_shot_classifier(clip_model, clip_preprocess, images, class_texts, device):
    sim = get_similarity_no_loop(_texts(clip_model, class_texts, device), _images(clip_model, clip_preprocess, images, device))
    return tuple(map(class_texts.__getitem__, sim.t().argmax(-1).tolist()))


class CLIPImageRetriever:
    def __init__(self, clip_model, clip_preprocess, images, device):
        self._bank = _images(clip_model, clip_preprocess, images, device)
        self._encode = lambda q: _texts(clip_model, [q], device)

    def retrieve(self, query: str, k: int = 2):
        sim = get_similarity_no_loop(self._encode(query), self._bank).flatten()
        return list(sim.argsort(descending=True)[:k])


class DINOSegmentation(nn.Module):
    """A module itself, whose `train` does the training."""

    def __init__(self, device, num_classes, inp_dim=384):
        super().__init__()
        self.norm = nn.LayerNorm(inp_dim)
        self.hidden = nn.Linear(inp_dim, 64)
        self.out = nn.Linear(64, num_classes)
        self.device_ = torch.device(device)
        self.to(self.device_)

    def forward(self, x):
        return self.out(F.gelu(self.hidden(self.norm(x))))

    def train(self, X_train, Y_train, num_iters=500):
        opt = torch.optim.AdamW(self.parameters(), lr=1e-2)
        sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, num_iters)
        for _ in range(num_iters):
            loss = F.cross_entropy(self(X_train.to(self.device_)), Y_train.to(self.device_), label_smoothing=0.05)
            opt.zero_grad(set_to_none=True)
            loss.backward()
            opt.step()
            sched.step()
        return self

    @torch.inference_mode()
    def inference(self, X_test):
        return self(X_test.to(self.device_)).argmax(-1)
