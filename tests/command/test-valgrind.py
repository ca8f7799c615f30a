# SPDX-License-Identifier: MIT
"""A short clip under valgrind: no invalid access, no use of what was never written, no definite leak."""
import os
import subprocess
import sys
import tempfile

with tempfile.TemporaryDirectory() as folder:
    # valgrind knows no AVX-512
    env = dict(os.environ, CW_CPU="avx2", G_SLICE="always-malloc", HOME=folder)
    command = ["valgrind", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite", "-q", sys.argv[1],
               "generate", "rock drums", "--duration", "0.1", "-o", f"{folder}/out.wav", "--seed", "1"]
    result = subprocess.run(command, env=env, capture_output=True, text=True)
    sys.stderr.write(result.stderr)
    if result.returncode != 0 or os.path.getsize(f"{folder}/out.wav") < 1000:
        sys.exit(f"exit {result.returncode}")
