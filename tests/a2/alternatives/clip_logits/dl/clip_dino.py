"""As in CLIP's own example: the model is called on images and texts, and gives logits."""
import numpy as np
import torch
from clip import clip
from PIL import Image
from torch import nn


def get_similarity_no_loop(text_features, image_features):
    t = text_features / torch.linalg.vector_norm(text_features, dim=1, keepdim=True).clamp_min(1e-8)
    i = image_features / torch.linalg.vector_norm(image_features, dim=1, keepdim=True).clamp_min(1e-8)
    return torch.einsum("nd,md->nm", t, i)


@torch.no_grad()
def clip_zero_shot_classifier(clip_model, clip_preprocess, images, class_texts, device):
    image = torch.cat([clip_preprocess(Image.fromarray(np.uint8(x)))[None] for x in images]).to(device)
    text = clip.tokenize([t for t in class_texts], truncate=True).to(device)
    logits_per_image, logits_per_text = clip_model(image, text)
    probs = logits_per_image.softmax(dim=-1).cpu().numpy()
    return np.array(class_texts)[probs.argmax(axis=1)]


class CLIPImageRetriever:
    @torch.no_grad()
    def __init__(self, clip_model, clip_preprocess, images, device):
        image = torch.cat([clip_preprocess(Image.fromarray(np.uint8(x)))[None] for x in images]).to(device)
        feats = clip_model.encode_image(image.type(clip_model.dtype))
        feats /= feats.norm(dim=-1, keepdim=True)
        self.feats, self.model, self.device = feats, clip_model, device

    @torch.no_grad()
    def retrieve(self, query, k=2):
        q = self.model.encode_text(clip.tokenize([query]).to(self.device))
        q = q / q.norm(dim=-1, keepdim=True)
        values, indices = (self.model.logit_scale.exp() * q @ self.feats.T).softmax(dim=-1)[0].topk(k)
        return indices.cpu().numpy()


class Net(nn.Module):
    def __init__(self, d, c):
        super().__init__()
        self.body = nn.Sequential(nn.BatchNorm1d(d), nn.Linear(d, 100), nn.BatchNorm1d(100), nn.ReLU(), nn.Dropout(0.5))
        self.head = nn.Linear(100, c)

    def forward(self, x):
        return self.head(self.body(x))


class DINOSegmentation:
    def __init__(self, device, num_classes, inp_dim=384):
        self.device, self.net = device, Net(inp_dim, num_classes).to(device)

    def train(self, X_train, Y_train, num_iters=500):
        optimizer = torch.optim.Adam(self.net.parameters(), lr=1e-2, weight_decay=1e-4)
        data = torch.utils.data.TensorDataset(X_train, Y_train)
        loader = torch.utils.data.DataLoader(data, batch_size=64, shuffle=True, drop_last=True)
        self.net.train()
        step = 0
        while step < num_iters:
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(self.net(x.to(self.device)), y.to(self.device)).backward()
                optimizer.step()
                step += 1
                if step == num_iters:
                    break

    def inference(self, X_test):
        self.net.eval()
        with torch.no_grad():
            return torch.cat([self.net(part.to(self.device)).argmax(1) for part in X_test.split(256)])
