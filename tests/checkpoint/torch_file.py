# SPDX-License-Identifier: MIT
"""Writes files as torch.save does, without torch: a zip with a pickle of protocol 2, opcode by opcode, and a storage for each tensor."""
import math
import struct
import zipfile

CLASSES = {"F32": "FloatStorage", "F16": "HalfStorage", "I64": "LongStorage"}
WIDTHS = {"F32": 4, "F16": 2, "I64": 8}


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def integer(value):
    return b"J" + struct.pack("<i", value)


def strides(shape):
    return [math.prod(shape[i + 1:]) for i in range(len(shape))]


def tensor(key, kind, shape):
    """The opcodes that rebuild a whole storage as one tensor."""
    storage = b"(" + text("storage") + f"ctorch\n{CLASSES[kind]}\n".encode() + text(key) + text("cpu") + integer(math.prod(shape)) + b"tQ"
    sizes = b"(" + b"".join(map(integer, shape)) + b"t(" + b"".join(map(integer, strides(shape))) + b"t"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + integer(0) + sizes + b"\x89ccollections\nOrderedDict\n)RtR"


def save(path, state, **others):
    """{ "best_state": state, others… }; @state is name -> (type, shape, bytes)."""
    body, storages = b"ccollections\nOrderedDict\n)R(", []
    for name, (kind, shape, data) in state.items():
        assert len(data) == math.prod(shape) * WIDTHS[kind], name
        body += text(name) + tensor(str(len(storages)), kind, shape)
        storages.append(data)
    pickle = b"\x80\x02}(" + text("best_state") + body + b"u"
    for key, value in others.items():
        pickle += text(key.replace("_", ".")) + (b"\x88" if value is True else text(value))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle + b"u.")
        archive.writestr("archive/byteorder", "little")
        for i, data in enumerate(storages):
            archive.writestr(f"archive/data/{i}", data)
        archive.writestr("archive/version", "3\n")
