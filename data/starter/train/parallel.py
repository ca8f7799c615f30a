# SPDX-License-Identifier: MIT
"""Training on two cores as two processes of one thread each, gradients averaged.

On a machine that others use too, two threads wait for each other in every layer; two processes only once a step.
"""
import os
import tempfile

import torch
import torch.distributed
import torch.multiprocessing


class Team:
    def __init__(self, process, n_processes):
        self.process, self.n_processes = process, n_processes

    def sum(self, x):
        if self.n_processes > 1:
            torch.distributed.all_reduce(x)
        return x

    def average_gradients(self, parameters):
        if self.n_processes < 2:
            return
        flat = torch.cat([p.grad.flatten() for p in parameters])
        torch.distributed.all_reduce(flat)
        flat /= self.n_processes
        at = 0
        for p in parameters:
            p.grad.copy_(flat[at:at + p.numel()].view_as(p))
            at += p.numel()

    def share(self, tensors):
        """Everybody gets what the first process has."""
        if self.n_processes > 1:
            for t in tensors:
                torch.distributed.broadcast(t, 0)


def member(process, work, args, n_processes, file):
    torch.set_num_threads(1)
    if n_processes > 1:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        torch.distributed.init_process_group("gloo", init_method=f"file://{file}", rank=process, world_size=n_processes)
    work(args, Team(process, n_processes))


def run(work, args, n_processes):
    """work(args, team) in n_processes."""
    with tempfile.TemporaryDirectory() as folder:
        if n_processes == 1:
            member(0, work, args, 1, None)
        else:
            torch.multiprocessing.spawn(member, (work, args, n_processes, f"{folder}/meet"), n_processes)
