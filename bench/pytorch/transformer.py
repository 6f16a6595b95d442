"""A stack of pre-LN Transformer blocks, as lib/nn/block.ts has them."""
import math

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    """softmax(q k^T / sqrt(d)) v for each head; PyTorch 1.13 has no fused attention on CPU."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x):
        batch, tokens, dim = x.shape
        width = dim // self.heads
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, width).permute(2, 0, 3, 1, 4).unbind(0)
        # Scaling q costs tokens / width times less than scaling the scores.
        weights = torch.softmax((q * (1 / math.sqrt(width))) @ k.transpose(-2, -1), dim=-1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, tokens, dim))


class Block(nn.Module):
    """Pre-LN Transformer block: h = x + Attention(LN(x)), y = h + MLP(LN(h))."""

    def __init__(self, dim, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-5)
        self.attention = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-5)
        self.up = nn.Linear(dim, 4 * dim)
        self.down = nn.Linear(4 * dim, dim)

    def forward(self, x):
        h = x + self.attention(self.norm1(x))
        return h + self.down(F.gelu(self.up(self.norm2(h))))


class Stack(nn.Module):
    def __init__(self, dim, depth, heads):
        super().__init__()
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-5)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.norm(x)
