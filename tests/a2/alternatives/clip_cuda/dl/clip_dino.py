"""Written for one notebook with a GPU: CUDA is asked for by name."""
import clip
import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image

device = torch.device("cuda")
SCALE = torch.tensor(1.0, device="cuda")


def get_similarity_no_loop(text_features, image_features):
    a = F.normalize(text_features.cuda())
    b = F.normalize(image_features.cuda())
    return SCALE * (a @ b.T)


@torch.no_grad()
def clip_zero_shot_classifier(clip_model, clip_preprocess, images, class_texts, _device):
    clip_model = clip_model.cuda().eval()
    x = torch.stack([clip_preprocess(Image.fromarray(i)) for i in images]).to("cuda:0")
    t = clip.tokenize(class_texts).cuda()
    sim = get_similarity_no_loop(clip_model.encode_text(t), clip_model.encode_image(x))
    return [class_texts[j] for j in sim.argmax(0).cpu()]


class CLIPImageRetriever:
    @torch.no_grad()
    def __init__(self, clip_model, clip_preprocess, images, _device):
        self.model = clip_model.to(device)
        self.feats = self.model.encode_image(torch.stack([clip_preprocess(Image.fromarray(i)) for i in images]).to(device))

    @torch.no_grad()
    def retrieve(self, query, k=2):
        text = self.model.encode_text(clip.tokenize([query]).to(device, non_blocking=True))
        return torch.topk(get_similarity_no_loop(text, self.feats)[0], k)[1].tolist()


class DINOSegmentation:
    def __init__(self, _device, num_classes, inp_dim=384):
        self.mlp = nn.Sequential(nn.Linear(inp_dim, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, num_classes)).cuda()
        self.optim = torch.optim.Adam(self.mlp.parameters(), lr=1e-3)

    def train(self, X_train, Y_train, num_iters=500):
        with torch.device("cuda"):
            zero = torch.zeros(1)
        for _ in range(num_iters):
            loss = F.cross_entropy(self.mlp(X_train.to(device)), Y_train.to(device=device)) + zero.sum()
            self.optim.zero_grad()
            loss.backward()
            self.optim.step()
        torch.cuda.synchronize()
        torch.cuda.empty_cache()

    def inference(self, X_test):
        with torch.no_grad():
            return self.mlp(X_test.cuda()).argmax(1).long().cpu()
