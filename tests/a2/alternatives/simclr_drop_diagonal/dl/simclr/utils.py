"""An iterator by hand, views kept on one device, and a mean over images."""
import torch

from .contrastive_loss import simclr_loss_vectorized as nt_xent


def train(model, data_loader, train_optimizer, epoch, epochs, batch_size=32, temperature=0.5, device="cuda"):
    model.train()
    total, seen = torch.zeros((), device=device), 0
    batches = iter(data_loader)
    while (batch := next(batches, None)) is not None:
        out = [model(view.to(device))[1] for view in batch[:2]]
        loss = nt_xent(*out, temperature, device=device)
        for group in train_optimizer.param_groups:
            for p in group["params"]:
                p.grad = None
        loss.backward()
        train_optimizer.step()
        total += loss.detach() * len(batch[0])
        seen += len(batch[0])
    return (total / seen).item()
