#!/usr/bin/env python3
"""What PyTorch, and so cuBLAS on an NVIDIA card, takes for the shapes of make bench-gpu.

Run it on the machine where make bench-gpu ran, beside bench/results/gpu.json, with any
PyTorch of 2.0 or later. It times the model's matrix products alone, and whole passes, and
prints the report's times of the same beside them. Times are medians of batches between
two events of the card, or two readings of the clock on a CPU.
"""
import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("report", nargs="?", default="bench/results/gpu.json")
parser.add_argument("--device", default="cuda", help='"cuda", or "cpu" to try this script where there is no card')
args = parser.parse_args()
with open(args.report) as f:
    report = json.load(f)
model, tokens, context = report["arch"], report["workload"]["prompt_len"], report["workload"]["context"]
decode_at = min(tokens + (context - tokens) // 2, context - 1)  # as trial.Workload.DecodePos
device = torch.device(args.device)
on_card = device.type == "cuda"
torch.backends.cuda.matmul.allow_tf32 = False  # f32 is f32, as in WGSL
torch.backends.cudnn.allow_tf32 = False


def median_ms(run, batches=15, sample_ms=20.0):
    """The median time of a run, over batches of at least sample_ms each."""

    def batch(reps):
        if on_card:
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            for _ in range(reps):
                run()
            end.record()
            torch.cuda.synchronize()
            return start.elapsed_time(end)
        begin = time.perf_counter()
        for _ in range(reps):
            run()
        return (time.perf_counter() - begin) * 1e3

    reps = 1
    while batch(reps) < sample_ms:
        reps *= 2
    return statistics.median(batch(reps) / reps for _ in range(batches))


def gpt2(dtype):
    """A pass of the model over new tokens after past ones, whose keys and values are kept."""
    d = model["d_model"]
    make = lambda *shape: torch.randn(*shape, device=device, dtype=dtype) * 0.02
    embedding, positions = make(model["vocab_size"], d), make(model["max_sequence_length"], d)
    one, zero = torch.ones(d, device=device, dtype=dtype), torch.zeros(d, device=device, dtype=dtype)
    layers = []
    for heads, inner in zip(model["n_head"], model["d_inner"]):
        cache = make(2, heads, context, d // heads)
        layers.append((heads, cache, make(3 * d, d), make(3 * d), make(d, d), make(d), make(inner, d), make(inner), make(d, inner), make(d)))

    def forward(ids, past):
        n = ids.shape[0]
        x = embedding[ids] + positions[past:past + n]
        for heads, cache, qkv, qkv_bias, out, out_bias, up, up_bias, down, down_bias in layers:
            h = F.layer_norm(x, (d,), one, zero)
            q, k, v = F.linear(h, qkv, qkv_bias).view(n, 3, heads, d // heads).permute(1, 2, 0, 3)
            cache[0, :, past:past + n], cache[1, :, past:past + n] = k, v
            a = F.scaled_dot_product_attention(q, cache[0, :, :past + n], cache[1, :, :past + n], is_causal=past == 0)
            x = x + F.linear(a.transpose(0, 1).reshape(n, d), out, out_bias)
            h = F.layer_norm(x, (d,), one, zero)
            x = x + F.linear(F.gelu(F.linear(h, up, up_bias), approximate="tanh"), down, down_bias)
        return F.linear(F.layer_norm(x[-1:], (d,), one, zero), embedding)

    return forward


def ours(precision, phase):
    """The report's times of a phase, by target: (name, whole, {group: ms})."""
    for target in report["targets"]:
        for profile in target["profiles"]:
            if profile["workload"]["precision"] == precision:
                p = profile[phase]
                name = target["device"].get("cpu") or target["device"]["engine"]
                yield name, p["whole"]["median_ms"], {o["name"]: o["time"]["median_ms"] for o in p["ops"]}


print(f"PyTorch {torch.__version__} on {torch.cuda.get_device_name() if on_card else 'the CPU'}")
d = model["d_model"]
products = {}  # outputs and inputs of matrix products, and how often a pass has each
for inner in model["d_inner"]:
    for shape in ((3 * d, d), (d, d), (inner, d), (d, inner)):
        products[shape] = products.get(shape, 0) + 1
with torch.inference_mode():
    for precision, dtype in (("f32", torch.float32), ("f16", torch.float16)):
        if not on_card and dtype == torch.float16:
            continue  # a CPU's half precision is no figure of anything
        forward = gpt2(dtype)
        for phase, ids, at in (("prefill", torch.zeros(tokens, dtype=torch.long, device=device), 0),
                               ("decode", torch.zeros(1, dtype=torch.long, device=device), decode_at)):
            print(f"\n{phase}, {precision}")
            for (outputs, inputs), count in products.items():
                weight = torch.randn(outputs, inputs, device=device, dtype=dtype)
                x = torch.randn(len(ids), inputs, device=device, dtype=dtype)
                ms = median_ms(lambda: F.linear(x, weight))
                rate = 2e-9 * len(ids) * outputs * inputs / ms
                print(f"  {count} × [{len(ids)}, {inputs}] · [{inputs}, {outputs}]: {count * ms:.4g} ms, {rate:.4g} TFLOP/s")
            whole = median_ms(lambda: forward(ids, at))
            print(f"  whole pass: {whole:.4g} ms")
            for name, ms, groups in ours(precision, phase):
                print(f"  {name}: {ms:.4g} ms, {ms / whole:.2f} of PyTorch's; " + ", ".join(f"{g} {t:.4g}" for g, t in groups.items()))
