# SPDX-License-Identifier: MIT
"""Checkpoints that somebody made to do harm, as Python's own pickle and zipfile make them: test-hostile.py CLIPWRIGHT CASES

Each is refused in one sentence about what is wrong with it, quickly and in little memory; nothing of it is run or written. One that is
sound but for its harmless oddities is accepted, so that the others are not refused for something else.
"""
import collections
import io
import os
import pickle
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

import torch_file
from convert import read

PROGRAM, CASES = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))
MODEL = os.path.join(CASES, "models/ac_musicgen")
SECONDS, BYTES = 20, 3 << 30


def call(module, name, *arguments):
    """Unpickled by Python, this would call @module.@name."""
    function = getattr(__import__(module, fromlist=[name]), name)
    return type("Evil", (), {"__reduce__": lambda self: (function, arguments)})()


def zipped(pickled, entries=(("archive/byteorder", b"little"),), method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        for name in ("compression_state_dict.bin", "state_dict.bin"):
            shutil.copy(os.path.join(MODEL, name), cls.folder)
        shutil.copytree(os.path.join(CASES, "models/ac_t5"), os.path.join(cls.folder, "t5-base"))
        with open(os.path.join(MODEL, "state_dict.bin"), "rb") as file:
            cls.good = file.read()
        found = read(os.path.join(MODEL, "state_dict.bin"))
        cls.state, cls.config = found["best_state"], found["xp.cfg"]
        cls.marker = os.path.join(cls.folder, "it-was-run")

    def load(self, data):
        with open(os.path.join(self.folder, "state_dict.bin"), "wb") as file:
            file.write(data)

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
            if "asan" not in PROGRAM:
                resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        out = os.path.join(self.folder, "x.wav")
        result = subprocess.run([PROGRAM, "generate", "x", "-m", self.folder, "-d", "0.1", "-o", out, "-q"], capture_output=True, timeout=SECONDS,
                                preexec_fn=limit, env={**os.environ, "XDG_CACHE_HOME": os.path.join(self.folder, "cache")})
        self.assertFalse(os.path.exists(self.marker), "it was run")
        return result.returncode, result.stderr.decode()

    def refused(self, said, data, what=None):
        code, words = self.load(data)
        self.assertEqual(code, 3, (what, words[-2000:]))
        self.assertIn("state_dict.bin", words, what)
        self.assertEqual(words.count("\n"), 1, (what, words))
        self.assertRegex(words, said, what)

    def test_good(self):
        self.assertEqual(self.load(self.good), (0, ""))
        path = os.path.join(self.folder, "again.bin")
        torch_file.save(path, self.state, xp_cfg=self.config, version="1", exported=True)
        with open(path, "rb") as file:
            self.assertEqual(self.load(file.read()), (0, ""))

    def test_calls(self):
        touch = f"touch {self.marker}"
        calls = [call("posix", "system", touch), call("subprocess", "Popen", ["touch", self.marker]), call("subprocess", "check_output", ["touch", self.marker]),
                 call("builtins", "eval", f"open({self.marker!r}, 'w')"), call("builtins", "exec", f"open({self.marker!r}, 'w')"),
                 call("builtins", "open", self.marker, "w"), call("builtins", "getattr", "", "join"), call("builtins", "__import__", "os"),
                 call("importlib", "import_module", "os"), call("pickle", "loads", pickle.dumps(call("posix", "system", touch))),
                 call("shutil", "rmtree", self.folder), call("ctypes", "CDLL", "libc.so.6"), call("operator", "attrgetter", "system"),
                 call("functools", "partial", print), call("webbrowser", "open", "http://127.0.0.1:1"), call("codecs", "encode", "x")]
        for evil in calls:
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                for place in (evil, {"best_state": collections.OrderedDict(a=evil), "xp.cfg": self.config}, {"best_state": {}, "xp.cfg": evil}):
                    if protocol == 2 or place is evil:
                        self.refused("refused|which weights do not need", zipped(pickle.dumps(place, protocol)), (evil.__reduce__(), protocol))

    def test_opcodes(self):
        """What Python's machine can do and ours must not, and the counts that lie."""
        huge = struct.pack("<Q", 1 << 62)
        system = b"cposix\nsystem\n"
        for said, body in (
                ("posix.system", system + b"X\x02\0\0\0id\x85R."), ("posix.system", b"}" + system + b"b."), ("torch.FloatStorage.x", b"ctorch\nFloatStorage.x\n."),
                ("0x69", b"(iposix\nsystem\n."), ("0x6f", b"(" + b"No."), ("0x81", b"N)\x81."), ("0x92", b"N)}\x92."), ("0x82", b"\x82\1."), ("0x83", b"\x83\1\0."),
                ("0x84", b"\x84\1\0\0\0."), ("0x50", b"P0\n."), ("0x8b", b"\x8b\xff\xff\xff\xff."), ("0x8d", b"\x8d" + huge + b"x."), ("0x8e", b"\x8e" + huge + b"x."),
                ("0x96", b"\x96" + huge + b"x."), ("0x95", b"\x95" + huge + b"N."), ("0x95", b"\x95" + struct.pack("<Q", 1) + b"N."), ("0x94", b"N\x94."),
                ("0x93", b"X\x05\0\0\0posixX\x06\0\0\0system\x93."), ("0x8c", b"\x8c\x02id."), ("0x97", b"\x97."), ("0x98", b"\x98."), ("0x8f", b"\x8f."),
                ("0x91", b"(N\x91."), ("0x32", b"N2."), ("0x30", b"NN0."), ("0x31", b"(N1."), ("0x53", b"S'id'\n."), ("0x54", b"T\xff\xff\xff\x7fx."),
                ("0x4c", b"L" + b"9" * 100000 + b"L\n."), ("0x49", b"I1\n."), ("0x46", b"F1\n."), ("0x67", b"Ng0\n."), ("0x70", b"Np0\n."),
                ("in the middle", b"X\xff\xff\xff\xffx."), ("memo", b"Nr\xff\xff\xff\xff."), ("memo", b"j\0\0\0\0."), ("64 bits", b"\x8a\xff" + b"\1" * 255 + b"."),
                ("nested too deep", b"N" + b"\x85" * 100000 + b"."), ("values|places", b"N" * 3000000 + b"."), ("places", b"(" * 3000000 + b"."),
                ("places", b"Nq\0" + b"h\0" * 3000000 + b"."), ("into itself", b"}q\0X\1\0\0\0ah\0s."), ("refused", b"N" + b"q\0h\0\x86" * 80 + b"."),
                ("a call of something", b"N)R."), ("no dict", b"]}b."), ("lacks|has no", b"N."), ("does not end", b"cposix\nsys"), ("does not end", b"c" + b"a" * 1000000)):
            self.refused(said, zipped(b"\x80\x02" + body), body[:40])
        for protocol in (b"", b"\x80\0", b"\x80\1", b"\x80\3", b"\x80\4", b"\x80\5", b"\x80\xff"):
            self.refused("protocol 2", zipped(protocol + b"N."))

    def tensor(self, offset=b"K\0", sizes=b"K\2K\3\x86", strides=b"K\3K\1\x86", kind="FloatStorage", key="0", count=b"K\x06", data=bytes(24)):
        """A checkpoint whose one tensor is described by these opcodes."""
        storage = b"(" + torch_file.text("storage") + f"ctorch\n{kind}\n".encode() + torch_file.text(key) + torch_file.text("cpu") + count + b"tQ"
        value = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + sizes + strides + b"\x89ccollections\nOrderedDict\n)RtR"
        pickled = b"\x80\x02}(" + torch_file.text("best_state") + b"}" + torch_file.text("emb.0.weight") + value + b"s"
        return zipped(pickled + torch_file.text("xp.cfg") + torch_file.text(self.config) + b"u.", (("archive/byteorder", b"little"), ("archive/data/0", data)))

    def test_tensors(self):
        self.refused("output_proj", self.tensor())  # sound, but alone
        long = lambda value: b"\x8a\x08" + struct.pack("<q", value)
        for said, change in (
                ("past the end", {"offset": b"K\1"}), ("past the end", {"offset": long((1 << 63) - 1)}), ("not described", {"offset": long(-1)}),
                ("not described", {"sizes": b"J\xff\xff\xff\xffK\3\x86"}), ("not described", {"strides": b"J\xfd\xff\xff\xffK\1\x86"}),
                ("past the end", {"sizes": long(1 << 40) + b"\x85", "strides": b"K\0\x85"}), ("impossible shape", {"sizes": long(1 << 33) + long(1 << 33) + b"\x86"}),
                ("transposed|gaps", {"sizes": b"K\3K\2\x86", "strides": b"K\1K\3\x86"}), ("transposed|gaps", {"strides": long((1 << 63) - 1) + b"K\1\x86"}),
                ("not described", {"sizes": b"K\1" * 40 + b"\x85"}), ("not described", {"sizes": b"(" + b"K\1" * 70 + b"t", "strides": b"(" + b"K\1" * 70 + b"t"}),
                ("claimed", {"data": bytes(23)}), ("claimed", {"kind": "DoubleStorage"}), ("claimed|past the end", {"count": long(1 << 60)}),
                ("not described", {"count": long(-6)}), ("not in the file", {"key": "1"}), ("not in the file", {"key": "../data.pkl"}),
                ("not described", {"count": b"N"}), ("torch.UntypedStorage", {"kind": "UntypedStorage"}), ("torch.jit", {"kind": "jit"})):
            self.refused(said, self.tensor(**change), change)

    def test_zip(self):
        plain, names = pickle.dumps({"a": 1}, 2), ("archive/byteorder", b"little")
        for said, data in (
                ("no plain path", zipped(plain, (("archive/../../it-was-run", b"x"),))), ("no plain path", zipped(plain, (("/etc/it-was-run", b"x"),))),
                ("no plain path", zipped(plain, (("archive\\data", b"x"),))), ("no plain path", zipped(plain, (("archive//data", b"x"),))),
                ("no plain path", zipped(plain, (("archive/./data", b"x"),))), ("two data.pkl|same name", zipped(plain, (("other/data.pkl", plain),))),
                ("byte order", zipped(plain, (("archive/byteorder", b"big"),))), ("byte order", zipped(plain, (("archive/byteorder", b""),))),
                ("without NAME/data.pkl", zipped(plain).replace(b"data.pkl", b"data.pkk")), ("no PyTorch", b""), ("no PyTorch", b"PK"), ("no PyTorch", b"MZ" * 100),
                ("shorter|end record", b"PK\3\4"), ("end record", b"PK\3\4" * 1000), ("best_state", zipped(plain))):
            self.refused(said, data)
        with self.assertWarns(UserWarning):
            self.refused("same name", zipped(plain, (names, names)))
        bomb = zipped(b"\x80\x02" + b"N" * (15 << 20), method=zipfile.ZIP_DEFLATED)
        self.assertLess(len(bomb), 100000)
        self.refused("values|places", bomb)
        self.refused("claims more bytes|claim more bytes|larger", zipped(b"\x80\x02" + b"N" * (200 << 20), method=zipfile.ZIP_DEFLATED))
        self.refused("packed in a way", zipped(plain, (names,), zipfile.ZIP_BZIP2))
        self.refused("packed in a way", zipped(plain, (names,), zipfile.ZIP_LZMA))

    def patched(self, *changes):
        """A small sound archive, where each (signature, occurrence, offset, bytes) is written over it."""
        data = bytearray(zipped(pickle.dumps({"a": 1}, 2)))
        for signature, nth, offset, new in changes:
            at = -1
            for _ in range(nth + 1):
                at = data.index(signature, at + 1)
            data[at + offset:at + offset + len(new)] = new
        return bytes(data)

    def test_patched_zip(self):
        local, entry, end = b"PK\3\4", b"PK\1\2", b"PK\5\6"
        word = lambda value: struct.pack("<I", value)
        for said, changes in (
                ("encrypted", [(entry, 0, 8, b"\1\0"), (local, 0, 6, b"\1\0")]), ("differs", [(local, 0, 8, b"\x08\0")]), ("differs", [(local, 0, 30, b"Archive")]),
                ("size differs", [(local, 0, 22, word(5))]), ("more bytes", [(entry, 0, 20, word(1 << 30)), (entry, 0, 24, word(1 << 30)), (local, 0, 18, word(1 << 30)),
                                                                              (local, 0, 22, word(1 << 30))]),
                ("not where|differs|overlap", [(entry, 1, 42, word(0))]), ("not where", [(entry, 0, 42, word(7))]), ("not where", [(entry, 0, 42, word(0xfffffff0))]),
                ("64-bit", [(end, 0, 16, word(0xffffffff))]), ("outside", [(end, 0, 16, word(1 << 30))]),
                ("more entries|too soon|disks", [(end, 0, 10, b"\3\0"), (end, 0, 8, b"\3\0")]), ("disks", [(end, 0, 4, b"\1\0")]), ("disks", [(end, 0, 10, b"\1\0")]),
                ("64-bit", [(end, 0, 10, b"\xff\xff"), (end, 0, 8, b"\xff\xff")]), ("checksum|damaged", [(entry, 0, 16, word(1))]),
                ("end record", [(end, 0, 20, b"\5\0")]), ("too soon", [(entry, 0, 28, b"\xff\xff")]), ("too soon", [(entry, 0, 30, b"\xff\xff")]),
                ("no PyTorch", [(local, 0, 0, b"PK\3\5")]), ("too soon", [(entry, 1, 0, b"PK\1\3")])):
            self.refused(said, self.patched(*changes), changes)
        small = self.patched()
        for said, tail in (("outside|not where|too soon|best_state|end record", small + small), ("end record|outside|disks|too soon", small + b"PK\5\6" + b"\xff" * 16 + b"\0\0"),
                           ("64-bit|disks", small + b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 2, 2, 1 << 60, 1 << 62) + b"PK\6\7" +
                            struct.pack("<IQI", 0, 1 << 63, 1) + b"PK\5\6" + b"\0" * 4 + b"\xff" * 12 + b"\0\0")):
            self.refused(said, tail)

    def test_cut(self):
        """A small sound checkpoint, and one of torch's older files, cut at each step."""
        path = os.path.join(self.folder, "small.bin")
        torch_file.save(path, {"emb.0.weight": ("F32", [2, 3], bytes(24))}, xp_cfg="a: 1", version="1", exported=True)
        with open(path, "rb") as file:
            small = file.read()
        for n in range(0, len(small), 23):
            self.refused("PyTorch|zip|pickle", small[:n], n)
        with open(os.path.join(os.path.dirname(__file__), "legacy.th"), "rb") as file:
            legacy = file.read()
        for n in list(range(0, 200, 11)) + list(range(200, len(legacy), len(legacy) // 20)):
            self.refused("PyTorch|pickle", legacy[:n], n)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
