"""A stack of pre-LN Transformer blocks, as lib/nn/block.ts has them."""
import math

import torch
from torch import nn
from torch.nn import functional as F


def attend(q, k, v, causal=False, dropout=0.0):
    """softmax(q k^T / sqrt(d)) v for each head: PyTorch's own kernel, which 1.13 does not have, or matrix products."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=causal)
    # Scaling q costs tokens / width times less than scaling the scores.
    scores = (q * (1 / math.sqrt(q.shape[-1]))) @ k.transpose(-2, -1)
    if causal:
        tokens = q.shape[-2]
        scores = scores + torch.full((tokens, tokens), -math.inf).triu(1)
    return drop(torch.softmax(scores, dim=-1), dropout) @ v


def drop(x, rate):
    return F.dropout(x, rate) if rate > 0 else x


class Attention(nn.Module):
    def __init__(self, dim, heads, causal=False, dropout=0.0):
        super().__init__()
        self.heads, self.causal, self.dropout = heads, causal, dropout
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x):
        batch, tokens, dim = x.shape
        width = dim // self.heads
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, width).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = attend(q, k, v, self.causal, self.dropout)
        return self.out(mixed.transpose(1, 2).reshape(batch, tokens, dim))


class Block(nn.Module):
    """Pre-LN Transformer block: h = x + Attention(LN(x)), y = h + MLP(LN(h)), with dropout in four places."""

    def __init__(self, dim, heads, causal=False, dropout=0.0):
        super().__init__()
        self.dropout = dropout
        self.norm1 = nn.LayerNorm(dim, eps=1e-5)
        self.attention = Attention(dim, heads, causal, dropout)
        self.norm2 = nn.LayerNorm(dim, eps=1e-5)
        self.up = nn.Linear(dim, 4 * dim)
        self.down = nn.Linear(4 * dim, dim)

    def forward(self, x):
        h = x + drop(self.attention(self.norm1(x)), self.dropout)
        hidden = drop(F.gelu(self.up(self.norm2(h))), self.dropout)
        return h + drop(self.down(hidden), self.dropout)


class Stack(nn.Module):
    def __init__(self, dim, depth, heads):
        super().__init__()
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-5)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.norm(x)
