"""DLRM on one card: embedding lookups are bytes gathered. They bind where the rows are wide, compute binds where they are narrow.

MLPerf's model (--arch-mlp-bot=13-512-256-128 --arch-mlp-top=1024-1024-512-256-1, 26 tables, dot interaction); the width of the rows is
swept.
"""

from __future__ import annotations

from dataclasses import replace

import hwsim
from hwsim.graph import Layer, Network, Tensor

TABLES, ROWS = 26, 1_000_000


def dlrm(width: int = 128, batch: int = 256, dtype: str = "float32") -> Network:
    """The network for one batch; rows gathered are ``width`` wide."""
    bottom = Network.builder("dlrm").input("dense", (batch, 13), dtype)
    for features in (512, 256, width):
        bottom.dense(features).relu()
    vectors = bottom.build()
    tensors, layers = dict(vectors.tensors), list(vectors.layers)
    last = layers[-1].outputs[0]
    names, inputs = [last], ["dense"]
    for table in range(TABLES):
        ids, rows, found = f"ids{table}", f"table{table}", f"embedding{table}"
        tensors[ids] = Tensor(ids, (batch,), "int64")
        tensors[rows] = Tensor(rows, (ROWS, width), dtype, "parameter")
        tensors[found] = Tensor(found, (batch, width), dtype)
        layers.append(Layer(found, "Gather", (rows, ids), (found,), {"axis": 0}))
        names.append(found)
        inputs.append(ids)
    count = len(names)
    pairs = count * (count - 1) // 2
    tensors["stacked"] = Tensor("stacked", (batch, count, width), dtype)
    tensors["turned"] = Tensor("turned", (batch, width, count), dtype)
    tensors["dots"] = Tensor("dots", (batch, count, count), dtype)
    tensors["features"] = Tensor("features", (batch, pairs + width), dtype)
    layers += [
        Layer("stacked", "Concat", tuple(names), ("stacked",), {"axis": 1}),
        Layer("turned", "Reshape", ("stacked",), ("turned",)),
        Layer("dots", "MatMul", ("stacked", "turned"), ("dots",)),
        Layer("features", "GatherElements", ("dots",), ("features",)),
    ]
    made = replace(vectors, layers=tuple(layers), tensors=tensors, inputs=tuple(inputs), outputs=("features",))
    top = Network.builder("top").input("features", (batch, pairs + width), dtype)
    for number, features in enumerate((1024, 1024, 512, 256)):
        top.dense(features, name=f"top{number}").relu(name=f"top{number}.relu")
    end = top.dense(1, name="click").build()
    return replace(
        made,
        layers=made.layers + end.layers,
        tensors={**made.tensors, **end.tensors},
        outputs=end.outputs,
        metadata={"batch": str(batch)},
    )


def main() -> None:
    found = hwsim.complexity(dlrm(batch=1))
    print(f"one sample: {found.macs:,} MACs, {TABLES * 128 * 4:,} B of embeddings gathered")
    print(f"{'width':>6}{'latency':>12}{'inferences/s':>14}{'gathering':>11}{'computing':>11}  bound by")
    for width in (8, 32, 128, 512):
        estimate = hwsim.estimate(dlrm(width), "nnp_i_1100", rung="roofline", bits="w8a8")
        gathers = sum(layer.latency_s for layer in estimate.layers if layer.op == "Gather")
        products = sum(layer.latency_s for layer in estimate.layers if layer.macs)
        total = estimate.totals.latency_s
        print(
            f"{width:>6}{1e3 * total:>9.3f} ms{estimate.totals.throughput_per_s:>14,.0f}{gathers / total:>11.0%}{products / total:>11.0%}"
            f"  {'gathering' if gathers > products else 'computing'}"
        )


if __name__ == "__main__":
    main()
