# SPDX-License-Identifier: MIT
"""train_lm.py DATA RUN --steps N: trains RUN/lm.pt on RUN/codes.npy (encode.py), going on from it if it is there (make a
file RUN/stop to stop).

Every clip is seen with a new wording each time; the first steps see only how clips start. The learning rate falls along a cosine over the
N steps, and of the last of them lm.pt keeps the mean of the weights too, which is what export.py takes. Loss is in nats a token.
"""
import argparse
import json
import math
import os
import random
import time

import numpy as np
import torch

import captions
import codec
import lm
import parallel

SAVE_EVERY, LOG_EVERY, TEST_EVERY = 100, 25, 200
MEAN_STEPS = 5000  # how many steps before the end the mean begins, of the weights whenever they are saved
DROP, DROPOUT, EARLY, REPEATS, LATE = 0.1, 0.1, 4.0, 0.25, 0.1
N_SHORT_STEPS, N_SHORT_FRAMES, SHORT_BATCHES = 500, 16, 6  # first only the starts of more clips, in which it is the text that tells
GOES_ON, N_GIVEN = 0.25, 50  # the share of steps in which clips begin later, as a window does that goes on with a clip, and the frames that are given then
OFTEN = {"pad": 3, "alarm": 3, "thunder": 3, "piano": 3, "strings": 3,  # how many times these kinds are seen for one of another:
         "snare": 2, "engine": 2, "hi-hat": 2, "pluck": 2, "acoustic guitar": 2}  # they were heard least in what was made
WEIGHTS = torch.tensor([2.0, 1.3, 1.0, 0.4])  # of the books: the first say what it is


def work(args, team):
    with open(f"{args.data}/meta.json") as file:
        abouts = json.load(file)["clips"]
    variants = torch.from_numpy(np.load(f"{args.run}/codes.npy").astype(np.int16))  # an entry's number is below 2^15
    n_train = int(len(abouts) * codec.TRAIN_SHARE)
    if team.process == 0:
        lm.tokenizer(args.run, abouts[:n_train])
    team.sum(torch.zeros(1))
    pieces = lm.tokenizer(args.run)
    torch.manual_seed(args.seed)
    model = lm.make(codec.load(f"{args.run}/codec.pt"), len(pieces))
    lm.drop_out(model, DROPOUT)
    path, step, mean, n_mean = f"{args.run}/lm.pt", 0, None, 0
    trained = lm.parameters(model)
    groups = [{"params": [p for p in trained if p.dim() > 1]}, {"params": [p for p in trained if p.dim() < 2], "weight_decay": 0}]
    optimizer = torch.optim.AdamW(groups, args.rate, betas=(0.9, 0.95), weight_decay=0.03)
    if os.path.exists(path):
        old = torch.load(path, weights_only=False)
        model.load_state_dict(old["model"], strict=False)
        if "optimizer" in old:
            optimizer.load_state_dict(old["optimizer"])
        step = old["step"]
        if step > args.steps - MEAN_STEPS:
            mean, n_mean = old.get("mean"), old.get("n_mean", 0)
    together = random.Random(args.seed * 1000 + step)  # what all processes do alike, so that none waits
    r = random.Random(args.seed * 1000 + step * 10 + team.process)
    torch.manual_seed(args.seed + step + team.process)
    np.random.seed(args.seed + step + team.process)
    if team.process == 0:
        print("parameters:", sum(p.numel() for p in trained), "pieces:", len(pieces), "clips:", n_train, flush=True)
    test = random.Random(0).sample(range(n_train, len(abouts)), min(64, len(abouts) - n_train))
    test_texts = [captions.caption(random.Random(i), abouts[i], captions.HELD_OUT) for i in test]
    seen = [i for i in range(n_train) for _ in range(OFTEN.get(abouts[i]["kind"], 1))]
    weights, order, sums, n_summed, began = WEIGHTS / WEIGHTS.sum(), [], 0, 0, time.time()

    def save():
        nonlocal mean, n_mean
        state = {k: v.detach().clone() for k, v in model.state_dict().items() if not k.startswith("audio_encoder")}
        if step > args.steps - MEAN_STEPS:
            n_mean += 1
            mean = {k: v + (state[k] - v) / n_mean for k, v in mean.items()} if mean else state
        kept = {"mean": mean, "n_mean": n_mean} if mean else {}
        torch.save({"model": state, "optimizer": optimizer.state_dict(), "step": step, **kept}, path + ".new")
        os.replace(path + ".new", path)

    @torch.no_grad()
    def held_out():
        model.eval()
        tested = torch.stack([lm.losses(model, pieces, variants[test[i:i + 16], 0].long(), test_texts[i:i + 16], 0) for i in range(0, len(test), 16)])
        model.train()
        return round(float(tested.mean()), 4), [round(float(x), 3) for x in tested.mean(0)]

    def tell(log):
        print(f"{(time.time() - began) / 60:.1f} min", log, flush=True)
        with open(f"{args.run}/lm-log.jsonl", "a") as file:
            file.write(json.dumps(log) + "\n")

    asked_to_stop = False
    while step < args.steps and not asked_to_stop:
        for group in optimizer.param_groups:
            group["lr"] = args.rate * min(1, (step + 1) / 60) * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * step / args.steps)))
        short = step < N_SHORT_STEPS
        n = args.batch // team.n_processes * (SHORT_BATCHES if short else 1)
        if len(order) < n:
            order = r.sample(seen, len(seen))
        picked = [order.pop() for _ in range(n)]
        clips = variants[picked, torch.randint(variants.shape[1], (n,))].long()
        first = together.randrange(1, clips.shape[2] // 2) if not short and together.random() < GOES_ON else 0
        texts = [captions.caption(r, abouts[i]) for i in picked]
        if first:
            each = lm.losses(model, pieces, clips[:, :, first:], texts, DROP, n_given=N_GIVEN, repeats=REPEATS, late=LATE)
        else:
            each = lm.losses(model, pieces, clips[:, :, :N_SHORT_FRAMES if short else None], texts, DROP, EARLY, repeats=REPEATS, late=LATE)
        optimizer.zero_grad()
        (each * weights).sum().backward()
        team.average_gradients(trained)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        step += 1
        sums, n_summed = sums + each.detach(), n_summed + 1
        if step % LOG_EVERY == 0:
            if team.process == 0:
                means = (sums / n_summed).tolist()
                log = {"stage": "lm", "step": step, "train": round(sum(means) / len(means), 4), "books": [round(x, 3) for x in means]}
                if step % TEST_EVERY == 0:
                    log["held_out"], log["held_out_books"] = held_out()
                tell(log)
            sums, n_summed = 0, 0
        if team.process == 0 and step % SAVE_EVERY == 0:
            save()
        asked_to_stop = bool(team.sum(torch.tensor([float(os.path.exists(f"{args.run}/stop"))])) > 0)
    if team.process == 0:
        if step % SAVE_EVERY:
            save()
        if mean:
            model.load_state_dict(mean, strict=False)
            tell({"stage": "lm", "step": step, "mean_held_out": held_out()[0]})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("run")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    parallel.run(work, args, args.processes)


if __name__ == "__main__":
    main()
