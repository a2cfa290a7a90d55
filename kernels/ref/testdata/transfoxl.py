"""A second forward pass of Transformer-XL, in plain Python, for
TestSecondImplementation.

It follows the shape of Hugging Face's modeling_transfo_xl (memory concatenated to
the segment, one matrix qkv_net, relative scores of all distances moved into place
by _rel_shift, an explicit mask, ProjectedAdaptiveLogSoftmax) rather than the Go
code. Tensors have the names of the Go package. The golden file is made by

    python3 transfoxl.py > transfoxl.json
"""
import json
import math

from gpt2 import layer_norm, madd, matmul, plus, tensor, transpose

MODELS = {
    "one cluster": dict(vocab=7, d=6, d_embed=6, div_val=1, cutoffs=[], mem_len=3, layers=[(2, 8), (4, 5)]),
    "several": dict(vocab=11, d=8, d_embed=8, div_val=2, cutoffs=[4, 7], mem_len=2, layers=[(3, 5), (2, 7), (8, 3)]),
    "shared": dict(vocab=9, d=6, d_embed=5, div_val=1, cutoffs=[3, 4], mem_len=0, layers=[(3, 4)]),
}
TOKENS = {"one cluster": [3, 0, 6, 6, 1], "several": [10, 4, 0, 3, 6, 7, 5], "shared": [8, 3, 0, 2]}


def log_softmax(row):
    total = math.log(math.fsum(math.exp(x) for x in row))
    return [x - total for x in row]


def rel_shift(x):
    """Row i of x moves left by len(x) - 1 - i: pad a zero column, refold, drop a row."""
    rows, cols = len(x), len(x[0])
    flat = sum(([0.0] + row for row in x), [])
    refolded = [flat[r * rows:(r + 1) * rows] for r in range(cols + 1)]
    flat = sum(refolded[1:], [])
    return [flat[r * cols:(r + 1) * cols] for r in range(rows)]


def embeddings(vocab, d, d_embed, div_val, cutoffs):
    """Token ranges, and each one's table, projection and bias."""
    ends = [0] + cutoffs + [vocab]
    ranges = list(zip(ends, ends[1:]))
    if div_val == 1:
        table, bias = tensor("wte", vocab, d_embed), tensor("out.bias", vocab)
        proj = tensor("emb_proj", d, d_embed) if d_embed != d else None
        return ranges, [(table[l:r], proj, bias[l:r]) for l, r in ranges]
    out = []
    for i, (l, r) in enumerate(ranges):
        width = d_embed // div_val ** i
        out.append((tensor("wte.%d" % i, r - l, width), tensor("emb_proj.%d" % i, d, width), tensor("out.%d.bias" % i, r - l)))
    return ranges, out


def compute_logit(hidden, weight, bias, proj):
    return plus(matmul(matmul(hidden, proj) if proj else hidden, transpose(weight)), bias)


def model(vocab, d, d_embed, div_val, cutoffs, mem_len, layers, tokens):
    ranges, emb = embeddings(vocab, d, d_embed, div_val, cutoffs)
    hidden = []
    for t in tokens:
        (l, _), (table, proj, _) = next((r, e) for r, e in zip(ranges, emb) if r[0] <= t < r[1])
        row = [table[t - l]]
        hidden += matmul(row, transpose(proj)) if proj else row
    hidden = [[x * d ** 0.5 for x in row] for row in hidden]

    qlen, klen = len(tokens), mem_len + len(tokens)
    inv_freq = [1 / (10000 ** (i / d)) for i in range(0, d, 2)]
    pos_emb = []
    for pos in range(klen - 1, -1, -1):
        pos_emb.append([math.sin(pos * f) for f in inv_freq] + [math.cos(pos * f) for f in inv_freq])

    for n, (heads, inner) in enumerate(layers):
        h = "h.%d." % n
        dh = d // heads
        s = heads * dh
        mems = [[0.0] * d for _ in range(mem_len)]
        qkv_net = transpose(sum((tensor(h + "attn.%s.weight" % p, s, d) for p in "qkv"), []))
        w_heads = matmul(mems + hidden, qkv_net)
        r_head_k = matmul(pos_emb, transpose(tensor(h + "attn.r.weight", s, d)))
        r_w_bias, r_r_bias = tensor(h + "attn.content.bias", s), tensor(h + "attn.position.bias", s)
        vec = [[] for _ in range(qlen)]
        for head in range(heads):
            c = slice(head * dh, (head + 1) * dh)
            q = [row[:s][c] for row in w_heads[-qlen:]]
            k, v = [row[s:2 * s][c] for row in w_heads], [row[2 * s:][c] for row in w_heads]
            r = [row[c] for row in r_head_k]
            ac = matmul(plus(q, r_w_bias[c]), transpose(k))
            bd = rel_shift(matmul(plus(q, r_r_bias[c]), transpose(r)))
            score = [[x / dh ** 0.5 for x in row] for row in madd(ac, bd)]
            for i, row in enumerate(score):
                masked = [math.exp(x) if j <= i + mem_len else 0.0 for j, x in enumerate(row)]
                total = math.fsum(masked)
                score[i] = [x / total for x in masked]
            vec = [a + b for a, b in zip(vec, matmul(score, v))]
        attn_out = matmul(vec, transpose(tensor(h + "attn.o.weight", d, s)))
        hidden = layer_norm(madd(hidden, attn_out), h + "ln_1", d)

        core = plus(matmul(hidden, transpose(tensor(h + "mlp.fc.weight", inner, d))), tensor(h + "mlp.fc.bias", inner))
        core = [[x if x > 0 else 0.0 for x in row] for row in core]
        core = plus(matmul(core, transpose(tensor(h + "mlp.proj.weight", d, inner))), tensor(h + "mlp.proj.bias", d))
        hidden = layer_norm(madd(hidden, core), h + "ln_2", d)

    weight, proj, bias = emb[0]
    if not cutoffs:
        return compute_logit(hidden, weight, bias, proj)
    tails = len(cutoffs)
    head_weight = weight + tensor("clusters.weight", tails, d_embed)
    head_bias = bias + tensor("clusters.bias", tails)
    head_logprob = [log_softmax(row) for row in compute_logit(hidden, head_weight, head_bias, proj)]
    out = [row[:cutoffs[0]] for row in head_logprob]
    for i in range(1, tails + 1):
        weight, proj, bias = emb[i]
        tail_logprob = [log_softmax(row) for row in compute_logit(hidden, weight, bias, proj)]
        out = [o + [head[cutoffs[0] + i - 1] + x for x in tail] for o, head, tail in zip(out, head_logprob, tail_logprob)]
    return out


if __name__ == "__main__":
    print(json.dumps({k: model(tokens=TOKENS[k], **m) for k, m in MODELS.items()}, indent=1))
