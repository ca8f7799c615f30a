#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare.py CLIPWRIGHT MODEL [--rounds N] [--seconds S] [--threads N] [--precisions f32,…]: Clipwright and its peers on the same shapes, in turns, in one run.

Peers, each only if it can be imported:
  torch        transformers' MusicGen as people run it (eager, f32): steps of generate() with guidance; EnCodec's decode
  onnxruntime  the matrix products of one decoder step for the two guidance branches, without attention, norms, sampling: f32 and dynamic int8
  openvino     the same graph: f32, and int8 weights
The two graphs bound what a whole program on that runtime can reach. Clipwright's whole steps stand against all of them; its products alone
(clipwright-steps, built beside the program) against the two graphs: as many passes, the same matrices, two columns.
Prints the median of the rounds for each, and Clipwright's over the peer's in the same run. Nothing here is a test."""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def clipwright(program, model, precision, seconds, threads):
    out = subprocess.run([program, "bench", "--model", model, "--precision", precision, "--seconds", str(seconds), "--threads", str(threads),
                          "--json"], check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def clipwright_products(steps, model, precision):
    folder = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    out = subprocess.run([steps, model, precision, "1", "products"], check=True, capture_output=True, text=True,
                         env={**os.environ, "CLIPWRIGHT_WEIGHTS": folder + "/clipwright/weights"}).stdout
    return {"steps_per_s": 1000 / float(re.search(r"alone: +([0-9.]+) ms", out)[1])}


class Torch:
    """transformers, eager, f32."""

    def __init__(self, model, threads):
        import torch
        from transformers import MusicgenForConditionalGeneration
        torch.set_num_threads(threads)
        self.torch = torch
        self.model = MusicgenForConditionalGeneration.from_pretrained(model, torch_dtype=torch.float32).eval()
        self.ids = torch.tensor([[2, 3, 4, 5, 6, 7, 8, 1]])

    def generate(self, n):
        began = time.perf_counter()
        with self.torch.no_grad():
            self.model.generate(input_ids=self.ids, attention_mask=self.torch.ones_like(self.ids), do_sample=True, guidance_scale=3.0,
                                max_new_tokens=n)
        return time.perf_counter() - began

    def measure(self):
        # in turns, twice: the machine's speed wanders within seconds
        turns = [(self.generate(8), self.generate(28)) for _ in range(2)]
        codes = self.torch.randint(0, 2048, (1, 1, 4, 100))
        began = time.perf_counter()
        with self.torch.no_grad():
            sound = self.model.audio_encoder.decode(codes, [None]).audio_values
        took = time.perf_counter() - began
        # both runs decode, too: 20 frames more are in the difference, at the codec's own speed
        seconds = sound.shape[-1] / self.model.config.audio_encoder.sampling_rate
        steps = sum(long - short for short, long in turns) / 2 - 20 * took / 100
        return {"steps_per_s": 20 / steps, "codec_times_real_time": seconds / took}


def step_graph(config, folder):
    """One step's products as an ONNX file; weights are random, the inputs two columns."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    rng = np.random.default_rng(0)
    c, f, layers, k, v = (config[n] for n in ("hidden_size", "ffn_dim", "num_hidden_layers", "num_codebooks", "vocab_size"))
    nodes, weights, outputs = [], [], []

    def product(x, y, n_in, n_out):
        weights.append(numpy_helper.from_array((rng.standard_normal((n_in, n_out)) * n_in ** -0.5).astype(np.float32), "w_" + y))
        nodes.append(helper.make_node("MatMul", [x, "w_" + y], [y]))
        return y

    x = "x"
    for i in range(layers):
        a = [product(x, f"{i}_{name}", c, c) for name in ("q", "k", "v")]
        nodes.append(helper.make_node("Sum", a, [f"{i}_sum"]))
        x = product(f"{i}_sum", f"{i}_o", c, c)
        x = product(product(x, f"{i}_cq", c, c), f"{i}_co", c, c)
        x = product(product(x, f"{i}_fc1", c, f), f"{i}_fc2", f, c)
    for i in range(k):
        outputs.append(helper.make_tensor_value_info(product(x, f"head_{i}", c, v), TensorProto.FLOAT, [2, v]))
    graph = helper.make_graph(nodes, "step", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, c])], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    path = str(Path(folder) / "step.onnx")
    onnx.save(model, path, save_as_external_data=True)
    return path


def steps_per_s(run, n=30):
    for _ in range(3):
        run()
    began = time.perf_counter()
    for _ in range(n):
        run()
    return n / (time.perf_counter() - began)


class OnnxRuntime:
    def __init__(self, path, int8, width, threads):
        import numpy as np
        import onnxruntime
        if int8:
            from onnxruntime.quantization import QuantType, quantize_dynamic
            quantized = path.replace(".onnx", "-int8.onnx")
            if not Path(quantized).exists():
                quantize_dynamic(path, quantized, weight_type=QuantType.QInt8, use_external_data_format=True)
            path = quantized
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.x = np.random.default_rng(0).standard_normal((2, width)).astype(np.float32)

    def measure(self):
        return {"steps_per_s": steps_per_s(lambda: self.session.run(None, {"x": self.x}))}


class OpenVino:
    def __init__(self, path, int8, width, threads):
        import numpy as np
        import openvino
        core = openvino.Core()
        model = core.read_model(path)
        if int8:
            import nncf
            model = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM)
        self.request = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
                                                         "INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
        self.x = np.random.default_rng(0).standard_normal((2, width)).astype(np.float32)

    def measure(self):
        return {"steps_per_s": steps_per_s(lambda: self.request.infer({0: self.x}))}


def peers(args, folder):
    """(name, Clipwright's precision it stands against, something with measure ())"""
    decoder = json.loads((Path(args.model) / "config.json").read_text())["decoder"]
    path, found = None, []
    makers = [("torch f32", "f32", lambda: Torch(args.model, args.threads))]
    for name, kind in (("onnxruntime", OnnxRuntime), ("openvino", OpenVino)):
        for int8 in (False, True):
            makers.append((f"{name} {'int8' if int8 else 'f32'}", "int8" if int8 else "f32",
                           lambda kind=kind, int8=int8: kind(path, int8, decoder["hidden_size"], args.threads)))
    for name, precision, make in makers:
        try:
            if path is None and not name.startswith("torch"):
                path = step_graph(decoder, folder)
            found.append((name, precision, make()))
        except Exception as error:  # a peer that is not there, or not in this form
            print(f"{name}: left out ({type(error).__name__}: {str(error)[:120]})", file=sys.stderr)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clipwright")
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precisions", default="f32,f16,int8,int4", help="Clipwright's; the peers' are f32 and int8")
    args = parser.parse_args()
    steps = Path(args.clipwright).resolve().parent.parent / "tests/bench/clipwright-steps"
    figures = {}

    def note(name, result):
        for key in ("steps_per_s", "codec_times_real_time", "bandwidth_fraction", "read_bandwidth"):
            if key in result:
                figures.setdefault((name, key), []).append(result[key])

    with tempfile.TemporaryDirectory() as folder:
        others = peers(args, folder)
        for _ in range(args.rounds):
            for precision in args.precisions.split(","):
                note("Clipwright " + precision, clipwright(args.clipwright, args.model, precision, args.seconds, args.threads))
                if steps.exists():
                    note(f"Clipwright {precision} products", clipwright_products(steps, args.model, precision))
            for name, _, peer in others:
                note(name, peer.measure())
    middle = {key: statistics.median(values) for key, values in figures.items()}
    print(f"{'':26} {'steps/s':>8} {'of bandwidth':>13} {'codec':>7}   GB/s {middle[('Clipwright ' + args.precisions.split(',')[0], 'read_bandwidth')] / 1e9:.1f}")
    for name in dict.fromkeys(name for name, _ in middle):
        fraction, codec = middle.get((name, "bandwidth_fraction")), middle.get((name, "codec_times_real_time"))
        print(f"{name:26} {middle[(name, 'steps_per_s')]:8.1f} {f'{100 * fraction:.0f} %' if fraction else '':>13} "
              f"{f'{codec:.1f}' if codec else '':>7}")
    for name, precision, _ in others:
        for mine in (f"Clipwright {precision}", f"Clipwright {precision} products"):
            if (mine, "steps_per_s") in middle and not (name.startswith("torch") and mine.endswith("products")):
                print(f"{mine} / {name}: {middle[(mine, 'steps_per_s')] / middle[(name, 'steps_per_s')]:.2f}")


if __name__ == "__main__":
    main()
