"""enumerate, a running mean by batch length, and the loss by its module."""
from dl.simclr import contrastive_loss


def train(model, data_loader, train_optimizer, epoch, epochs, batch_size=32, temperature=0.5, device="cuda"):
    model.train()
    losses = []
    for step, (x_i, x_j, _) in enumerate(data_loader, start=1):
        train_optimizer.zero_grad(set_to_none=False)
        z_i = model(x_i.to(device))[1]
        z_j = model(x_j.to(device))[-1]
        loss = contrastive_loss.simclr_loss_vectorized(z_i, z_j, tau=temperature, device=device)
        loss.backward()
        train_optimizer.step()
        losses.append(loss.detach())
        print(f"[{epoch}/{epochs}] step {step} of {len(data_loader)}: {losses[-1]:.3f}")
    return sum(losses) / len(losses)
