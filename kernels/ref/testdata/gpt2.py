"""A second forward pass of GPT-2, in plain Python, for TestSecondImplementation.

It follows the shape of Hugging Face's modeling_gpt2 (in-major matrices, one
matrix c_attn for q, k and v, an explicit causal mask) rather than the Go code.
The golden file is made by

    python3 gpt2.py > gpt2.json
"""
import json
import math

MODELS = {
    "plain": dict(vocab=7, n_embd=6, d_embed=6, n_positions=5, layers=[(2, 8), (3, 5)]),
    "projected": dict(vocab=5, n_embd=4, d_embed=3, n_positions=6, layers=[(4, 3), (1, 7), (2, 4)]),
}
TOKENS = {"plain": [3, 0, 6, 6, 1], "projected": [4, 2, 0, 2, 1, 3]}


def tensor(name, rows, cols=None):
    """Multiples of 1/128 in [-1, 1], exact in single precision."""
    seed = 0
    for c in name.encode():
        seed = (seed * 31 + c) % 65537
    flat = [((seed + i) * (seed + 7919 * i) % 257 - 128) / 128 for i in range(rows * (cols or 1))]
    return flat if cols is None else [flat[r * cols:(r + 1) * cols] for r in range(rows)]


def transpose(m):
    return [list(c) for c in zip(*m)]


def matmul(a, b):
    return [[math.fsum(x * y for x, y in zip(row, col)) for col in transpose(b)] for row in a]


def plus(m, bias):
    return [[x + b for x, b in zip(row, bias)] for row in m]


def madd(a, b):
    return [[x + y for x, y in zip(r, s)] for r, s in zip(a, b)]


def layer_norm(m, name, d):
    weight, bias = tensor(name + ".weight", d), tensor(name + ".bias", d)
    out = []
    for row in m:
        mean = math.fsum(row) / d
        inv = (math.fsum(x * x for x in row) / d - mean * mean + 1e-5) ** -0.5
        out.append([(x - mean) * inv * w + b for x, w, b in zip(row, weight, bias)])
    return out


def gelu_new(x):
    # 0.5 (1 + tanh u) is the logistic function of 2u.
    u = 0.7978845608028654 * (x + 0.044715 * x ** 3)
    return x / (1 + math.exp(-2 * u))


def model(vocab, n_embd, d_embed, n_positions, layers, tokens):
    d, n = n_embd, len(tokens)
    wte, wpe = tensor("wte", vocab, d_embed), tensor("wpe", n_positions, d)
    proj = tensor("emb_proj", d, d_embed) if d_embed != d else None

    embedded = [wte[t] for t in tokens]
    hidden = madd(matmul(embedded, transpose(proj)) if proj else embedded, wpe[:n])
    for i, (heads, inner) in enumerate(layers):
        h = "h.%d." % i
        c_attn = transpose(sum((tensor(h + "attn.%s.weight" % p, d, d) for p in "qkv"), []))
        c_attn_bias = sum((tensor(h + "attn.%s.bias" % p, d) for p in "qkv"), [])
        qkv = plus(matmul(layer_norm(hidden, h + "ln_1", d), c_attn), c_attn_bias)
        merged = [[] for _ in range(n)]
        dh = d // heads
        for head in range(heads):
            q, k, v = ([row[p * d + head * dh:p * d + (head + 1) * dh] for row in qkv] for p in range(3))
            scores = matmul(q, transpose(k))
            for r, row in enumerate(scores):
                masked = [math.exp(s / dh ** 0.5) if c <= r else 0.0 for c, s in enumerate(row)]
                total = math.fsum(masked)
                scores[r] = [e / total for e in masked]
            merged = [m + o for m, o in zip(merged, matmul(scores, v))]
        c_proj = transpose(tensor(h + "attn.o.weight", d, d))
        hidden = madd(hidden, plus(matmul(merged, c_proj), tensor(h + "attn.o.bias", d)))

        c_fc = transpose(tensor(h + "mlp.fc.weight", inner, d))
        up = plus(matmul(layer_norm(hidden, h + "ln_2", d), c_fc), tensor(h + "mlp.fc.bias", inner))
        c_proj = transpose(tensor(h + "mlp.proj.weight", d, inner))
        down = matmul([[gelu_new(x) for x in row] for row in up], c_proj)
        hidden = madd(hidden, plus(down, tensor(h + "mlp.proj.bias", d)))

    hidden = layer_norm(hidden, "ln_f", d)
    return matmul(matmul(hidden, proj) if proj else hidden, transpose(wte))


if __name__ == "__main__":
    print(json.dumps({k: model(tokens=TOKENS[k], **m) for k, m in MODELS.items()}, indent=1))
