"""encode_codes.py DATA RUN: the codec's codes of every clip, [N,K,T] uint16, for the language model and the adversarial stage."""
import sys, numpy as np, torch, codec
data, run = sys.argv[1:3]; torch.set_num_threads(1)
clips = np.load(f"{data}/clips.npy", mmap_mode="r"); ck = torch.load(f"{run}/codec.pt", weights_only=False)
m = codec.make(**ck["cfg"]); m.load_state_dict(ck["model"]); m.eval(); out = []
with torch.no_grad():
    for i in range(0, len(clips), 16):
        x = torch.from_numpy(clips[i:i+16].astype(np.float32) / 32768)[:, None]
        out.append(codec.encode(m, x).numpy().astype(np.uint16))
out = np.concatenate(out); np.save(f"{run}/codes.npy", out); print(out.shape, [len(np.unique(out[:, k])) for k in range(out.shape[1])])
