"""One image at a time, and as few tricks as possible."""

import clip
import torch
from PIL import Image
from torch import nn, optim


def get_similarity_no_loop(text_features, image_features):
    lengths_t = torch.sqrt((text_features**2).sum(1))
    lengths_i = torch.sqrt((image_features**2).sum(1))
    products = text_features.matmul(image_features.transpose(0, 1))
    return products / lengths_t.view(-1, 1) / lengths_i.view(1, -1)


def clip_zero_shot_classifier(clip_model, clip_preprocess, images, class_texts, device):
    answers = []
    with torch.no_grad():
        texts = clip_model.encode_text(clip.tokenize(class_texts).to(device))
        for array in images:
            picture = clip_preprocess(Image.fromarray(array)).unsqueeze(0).to(device)
            feature = clip_model.encode_image(picture)
            scores = (100.0 * get_similarity_no_loop(feature, texts)).softmax(dim=-1)
            answers.append(class_texts[int(scores[0].argmax())])
    return answers


class CLIPImageRetriever:
    def __init__(self, clip_model, clip_preprocess, images, device):
        self.model, self.device = clip_model, device
        features = []
        with torch.no_grad():
            for array in images:
                one = clip_preprocess(Image.fromarray(array)).unsqueeze(0).to(device)
                features.append(self.model.encode_image(one)[0])
        self.features = features

    def retrieve(self, query, k=2):
        with torch.no_grad():
            text = self.model.encode_text(clip.tokenize(query).to(self.device))[0]
            found = []
            for number, feature in enumerate(self.features):
                cosine = torch.dot(text, feature) / (text.norm() * feature.norm())
                found.append((cosine.item(), number))
        found.sort(reverse=True)
        return [number for _, number in found[:k]]


class DINOSegmentation:
    def __init__(self, device, num_classes, inp_dim=384):
        self.device = device
        self.net = nn.Linear(inp_dim, num_classes).to(device)
        self.opt = optim.SGD(self.net.parameters(), lr=0.05, momentum=0.9)

    def train(self, X_train, Y_train, num_iters=500):
        losses = []
        for _ in range(num_iters):
            rows = torch.randint(len(X_train), (128,))
            scores = self.net(X_train[rows].to(self.device))
            loss = -scores.log_softmax(1)[torch.arange(128), Y_train[rows].to(self.device)].mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            losses.append(loss.item())
        return losses

    def inference(self, X_test):
        with torch.no_grad():
            return self.net(X_test.to(self.device)).max(dim=1)[1]
