"""ViT-VQGAN (Yu et al. 2021, arXiv:2110.04627) with the choices that lib/models/vitVqgan.ts makes where it is silent."""
import math

import torch
from torch import nn
from torch.nn import functional as F

from transformer import Stack

CHANNELS = 3
COMMITMENT = 0.25
EPSILON = 0.1  # of the logit-Laplace density
MIN_LOG_SCALE = math.log(4 * (1 - 2 * EPSILON) / 255)


class Encoder(nn.Module):
    """Images [B, 3, S, S] to latents [B, N, code_dim]."""

    def __init__(self, size):
        super().__init__()
        self.patches = nn.Conv2d(CHANNELS, size.dim, size.patch_size, stride=size.patch_size)
        self.register_buffer("positions", positions(size.image_size // size.patch_size, size.dim))
        self.stack = Stack(size.dim, size.depth, size.heads)
        self.head = nn.ModuleDict({"up": nn.Linear(size.dim, 4 * size.dim), "down": nn.Linear(4 * size.dim, size.dim)})
        self.latents = nn.Linear(size.dim, size.code_dim)

    def forward(self, images):
        # Contiguous, or every sum along the stack would keep the order of channels before tokens.
        x = self.patches(images).flatten(2).transpose(1, 2).contiguous()
        x = self.stack(x + self.positions)
        return self.latents(self.head["down"](torch.tanh(self.head["up"](x))))


class Quantizer(nn.Module):
    """The nearest codeword on the unit sphere, with a straight-through gradient to the normalised latents."""

    def __init__(self, size):
        super().__init__()
        self.codebook = nn.Parameter(torch.randn(size.codebook_size, size.code_dim))

    def forward(self, latents):
        z, codebook = F.normalize(latents, dim=-1), F.normalize(self.codebook, dim=-1)
        with torch.no_grad():
            codes = (z @ codebook.T).argmax(-1)
        words = F.embedding(codes, codebook)
        losses = {"codebook": F.mse_loss(words, z.detach()),
                  "commitment": COMMITMENT * F.mse_loss(z, words.detach())}
        return z + (words - z).detach(), codes, losses


class Decoder(nn.Module):
    """Codewords [B, N, code_dim] to the mean and log scale of every pixel, each [B, 3, S, S]."""

    def __init__(self, size):
        super().__init__()
        self.patch, self.side = size.patch_size, size.image_size // size.patch_size
        self.codes = nn.Linear(size.code_dim, size.dim)
        self.register_buffer("positions", positions(self.side, size.dim))
        self.stack = Stack(size.dim, size.depth, size.heads)
        self.head = nn.ModuleDict({"up": nn.Linear(size.dim, 4 * size.dim)})
        self.pixels = nn.Linear(4 * size.dim, 2 * CHANNELS * size.patch_size ** 2)

    def forward(self, quantized):
        x = self.stack(self.codes(quantized) + self.positions)
        x = self.pixels(torch.tanh(self.head["up"](x)))
        batch, image = x.shape[0], self.side * self.patch
        x = x.view(batch, self.side, self.side, 2, self.patch, self.patch, CHANNELS)
        mean, scale = x.permute(3, 0, 6, 1, 4, 2, 5).reshape(2, batch, CHANNELS, image, image)
        return mean, F.softplus(scale - MIN_LOG_SCALE) + MIN_LOG_SCALE


class VitVqgan(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.encoder, self.quantizer, self.decoder = Encoder(size), Quantizer(size), Decoder(size)

    def forward(self, images):
        """Reconstruction, codes, and the losses of pixels and codes."""
        quantized, codes, vq = self.quantizer(self.encoder(images))
        mean, log_scale = self.decoder(quantized)
        image = (torch.sigmoid(mean) - EPSILON) / (1 - 2 * EPSILON)
        losses = {"l2": F.mse_loss(image, images), "logitLaplace": logit_laplace(images, mean, log_scale), **vq}
        return image, codes, losses


def logit_laplace(images, mean, log_scale):
    """Negative log-likelihood of pixels (Ramesh et al. 2021, arXiv:2102.12092, appendix A.3)."""
    y = (1 - 2 * EPSILON) * images + EPSILON
    log_y, log_rest = y.log(), (1 - y).log()
    distance = (log_y - log_rest - mean).abs() * (-log_scale).exp()
    return (log_scale + log_y + log_rest + distance).mean() + math.log(2)


def positions(side, dim):
    """[side * side, dim]: sine and cosine of the column, then of the row, each at dim / 4 frequencies."""
    quarter = dim // 4
    frequencies = 10000 ** (-torch.arange(quarter, dtype=torch.float64) / quarter)
    angles = torch.arange(side, dtype=torch.float64)[:, None] * frequencies
    waves = torch.cat([angles.sin(), angles.cos()], 1)
    columns, rows = waves.expand(side, side, -1), waves[:, None].expand(side, side, -1)
    return torch.cat([columns, rows], 2).reshape(side * side, dim).float()
