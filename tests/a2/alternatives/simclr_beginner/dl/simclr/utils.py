"""The hand-out's loop, filled in line by line."""
import torch
from tqdm.auto import tqdm

from dl.simclr.contrastive_loss import simclr_loss_vectorized


def train(model, data_loader, train_optimizer, epoch, epochs, batch_size=32, temperature=0.5, device='cuda'):
    model.train()
    total_loss = 0.0
    total_num = 0
    train_bar = tqdm(data_loader, total=len(data_loader))
    for data_pair in train_bar:
        x_i, x_j, target = data_pair
        x_i = x_i.to(device)
        x_j = x_j.to(device)
        feature_left, out_left = model(x_i)
        feature_right, out_right = model(x_j)
        out_left = torch.nn.functional.normalize(out_left, dim=1)
        out_right = torch.nn.functional.normalize(out_right, dim=1)
        loss = simclr_loss_vectorized(out_left, out_right, tau=temperature, device=device)
        train_optimizer.zero_grad()
        loss.backward()
        train_optimizer.step()
        total_num = total_num + batch_size
        total_loss = total_loss + loss.item() * batch_size
        train_bar.set_postfix(loss=total_loss / total_num)
        train_bar.update(0)
    return total_loss / total_num
