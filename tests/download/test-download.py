# SPDX-License-Identifier: MIT
"""Models from a hub on loopback that keeps the rules, and from servers that do not: each bad one gives one sentence, and no model."""
import fcntl
import hashlib
import json
import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from hub import Hub, sha256

PROGRAM, CASES = os.path.abspath(sys.argv.pop(1)), os.path.abspath(sys.argv.pop(1))
SANITIZED = "asan" in PROGRAM
WEIGHTS = "model.safetensors"


def read(path):
    with open(path, "rb") as file:
        return file.read()


def read_folder(folder):
    return {name: read(os.path.join(folder, name)) for name in sorted(os.listdir(folder))}


def noise(n, seed=b"x"):
    return b"".join(hashlib.sha256(seed + i.to_bytes(4, "little")).digest() for i in range(n // 32 + 1))[:n]


class Download(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hub = Hub()
        cls.stereo = read_folder(f"{CASES}/models/lm_stereo") | {"README.md": b"---\nlicense: cc-by-nc-4.0\n---\n# Stereo\n"}
        cls.shards = read_folder(f"{CASES}/models/lm_sharded")
        cls.hub.licences["facebook/musicgen-small"] = "cc-by-nc-4.0"

    @classmethod
    def tearDownClass(cls):
        cls.hub.close()

    def setUp(self):
        self.hub.mend()
        self.hub.commit = "0123456789abcdef0123456789abcdef01234567"
        self.big = noise(3_000_000)
        self.hub.repos = {"facebook/musicgen-small": dict(self.stereo), "someone/fine-tuned": dict(self.shards),
                          "someone/big": {"config.json": b'{"model_type": "musicgen"}', WEIGHTS: self.big}}
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.models = f"{self.folder}/data/clipwright/models"
        self.env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy") and not k.startswith(("HF_", "DBUS_", "XDG_"))}
        self.env |= {"HOME": self.folder, "XDG_DATA_HOME": f"{self.folder}/data", "XDG_CACHE_HOME": f"{self.folder}/cache", "LC_ALL": "C.UTF-8",
                     "XDG_RUNTIME_DIR": self.folder, "GSETTINGS_BACKEND": "memory", "HF_ENDPOINT": self.hub.address, "HF_HUB_DOWNLOAD_TIMEOUT": "1",
                     "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}

    def start(self, *arguments, **options):
        options.setdefault("env", self.env)
        return subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def run_(self, *arguments, code=0, **options):
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=240)
        if code is not None:
            self.assertEqual(process.returncode, code, f"{arguments}: {out}{err}")
        return out, err

    def get(self, repo, *arguments, **options):
        licence = {"facebook/musicgen-small": "cc-by-nc-4.0"}.get(repo, "unknown")
        return self.run_("models", "get", repo, "--accept-licence", licence, *arguments, **options)

    def fails(self, repo="someone/big", code=1, **options):
        """Gets @repo, which must fail: the sentence. No model and no file that counts is left."""
        began = time.time()
        _, err = self.get(repo, "-q", code=code, **options)
        self.assertLess(time.time() - began, 60)
        lines = [line for line in err.splitlines() if line.startswith("clipwright: ")]
        self.assertEqual(len(lines), 1, err)
        self.assertTrue(lines[0].endswith("."), err)
        self.assertFalse(self.names(), os.listdir(self.models))
        return lines[0]

    def names(self):
        return [name for name in os.listdir(self.models) if not name.startswith(".") and not name.endswith(".part")] if os.path.isdir(self.models) else []

    def parts(self):
        """Files of unfinished models."""
        return sorted(name for folder, _, names in os.walk(self.models) if folder.endswith(".part") for name in names)

    def has(self, name, files):
        found = read_folder(f"{self.models}/{name}")
        pins = json.loads(found.pop("clipwright-model.json"))
        self.assertEqual(found, files)
        self.assertEqual({f["name"]: f["sha256"] for f in pins["files"]}, {n: sha256(d) for n, d in files.items()})
        return pins

    # ---- a hub that keeps the rules ----

    def test_get_and_use(self):
        out, _ = self.get("musicgen-small", "--json", "--accept-licence", "cc-by-nc-4.0")
        self.assertEqual(json.loads(out)["models"][0]["name"], "musicgen-small")
        pins = self.has("musicgen-small", self.stereo)
        self.assertEqual((pins["repo"], pins["commit"], pins["licence"]), ("facebook/musicgen-small", self.hub.commit, "cc-by-nc-4.0"))
        self.run_("generate", "rain", "-m", "musicgen-small", "-d", "0.2", "-o", f"{self.folder}/a.wav", "-q")
        self.assertIn(b"cc-by-nc-4.0", read(f"{self.folder}/a.wav"))
        self.assertTrue(json.loads(self.run_("models", "info", "musicgen-small", "--json")[0])["non_commercial"])
        self.hub.mend()
        self.get("musicgen-small", "--accept-licence", "cc-by-nc-4.0")  # is here already
        self.assertFalse(self.hub.requests)

    def test_shards_and_own_names(self):
        self.get("someone/fine-tuned", "--as", "mine")
        self.has("mine", self.shards)
        self.run_("generate", "rain", "-m", "mine", "-d", "0.2", "-o", f"{self.folder}/a.wav", "-q")
        listed = json.loads(self.run_("models", "list", "--json", "--here")[0])["models"]
        self.assertEqual([(m["name"], m["state"]) for m in listed], [("starter", "starter"), ("mine", "installed")])

    def test_without_a_list(self):
        self.hub.break_(lambda r: r.path.startswith("/api/") and not r.reply(404))
        for repo, files in (("someone/fine-tuned", self.shards), ("facebook/musicgen-small", self.stereo)):
            self.get(repo)
            self.has(repo.split("/")[1], files)

    def test_files_at_once(self):
        self.hub.repos["someone/fine-tuned"] |= {f"model-0000{i}-of-00003.safetensors": noise(400_000, b"%d" % i) for i in (1, 2, 3)}
        under_way, most = [0], [0]

        def count(request):
            if request.server.role == "storage":
                under_way[0] += 1
                most[0] = max(most[0], under_way[0])
                time.sleep(0.5)
                under_way[0] -= 1
        self.hub.break_(count)
        self.get("someone/fine-tuned", "--jobs", "3")
        self.assertEqual(most[0], 3)

    def test_licence(self):
        for arguments in ([], ["--accept-licence", "mit"]):
            _, err = self.run_("models", "get", "musicgen-small", *arguments, code=2)
            self.assertIn("CC BY-NC 4.0", err)
            self.assertFalse(self.hub.requests)
        self.hub.licences["someone/big"] = "openrail"
        self.addCleanup(self.hub.licences.clear)
        _, err = self.run_("models", "get", "someone/big", code=2)
        self.assertIn("openrail", err)
        self.assertFalse(self.hub.asked("hub", "GET", WEIGHTS))
        self.assertFalse(self.names() or self.parts())

    def test_catalogue_and_hub_disagree_about_the_licence(self):
        self.hub.licences["facebook/musicgen-small"] = "other"
        self.addCleanup(self.hub.licences.__setitem__, "facebook/musicgen-small", "cc-by-nc-4.0")
        self.assertIn("other", self.fails("facebook/musicgen-small", code=2))
        self.get("facebook/musicgen-small", "--accept-licence", "other")
        self.assertEqual(json.loads(read(f"{self.models}/musicgen-small/clipwright-model.json"))["licence"], "other")

    def test_offline(self):
        _, err = self.get("someone/big", code=1, env=self.env | {"HF_HUB_OFFLINE": "1"})
        self.assertIn("Offline", err)
        self.assertFalse(self.hub.requests)

    def test_needs(self):
        self.hub.repos["facebook/magnet-small-10secs"] = {"state_dict.bin": noise(20_000), "compression_state_dict.bin": noise(30_000, b"c")}
        self.hub.repos["google-t5/t5-base"] = {"config.json": b'{"model_type": "t5"}', "tokenizer.json": b"{}", WEIGHTS: noise(50_000)}
        self.hub.licences["google-t5/t5-base"] = "apache-2.0"
        self.run_("models", "get", "magnet-small-10secs", "--accept-licence", "cc-by-nc-4.0")
        self.assertEqual(sorted(self.names()), ["magnet-small-10secs", "t5-base"])
        listed = {m["name"]: m["state"] for m in json.loads(self.run_("models", "list", "--json")[0])["models"]}
        self.assertEqual((listed["magnet-small-10secs"], listed["t5-base"]), ("installed", "installed"))

    def test_token(self):
        env = self.env | {"HF_TOKEN": "hf_secret"}
        self.hub.break_(lambda r: r.server.role == "hub" and r.headers.get("Authorization") != "Bearer hf_secret" and not r.reply(401))
        self.assertIn("token", self.fails())
        out, err = self.get("someone/big", env=env)
        self.assertNotIn("hf_secret", out + err)
        self.assertTrue(self.hub.asked("storage"))
        self.assertTrue(all("Authorization" not in headers for headers in self.hub.asked("storage")))
        for folder, _, names in os.walk(self.folder):
            for name in names:
                self.assertNotIn(b"hf_secret", read(f"{folder}/{name}"))

    def start_keyring(self):
        """A session bus of the test's own with GNOME's keyring on it, unlocked: the environment that finds it."""
        if not shutil.which("gnome-keyring-daemon") or not shutil.which("dbus-daemon"):
            self.skipTest("gnome-keyring or dbus-daemon is not installed")
        env = self.env | {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.folder}/bus"}

        def start(*command, **options):
            process = subprocess.Popen(command, env=env, stdout=log, stderr=log, **options)
            self.addCleanup(process.wait)
            self.addCleanup(process.terminate)
            return process
        log = open(f"{self.folder}/keyring.log", "wb")
        self.addCleanup(log.close)
        start("dbus-daemon", "--session", "--nofork", f"--address={env['DBUS_SESSION_BUS_ADDRESS']}")
        until = time.time() + 30
        while not os.path.exists(f"{self.folder}/bus"):
            self.assertLess(time.time(), until)
            time.sleep(0.02)
        keyring = start("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets", stdin=subprocess.PIPE)
        keyring.stdin.write(b"password")
        keyring.stdin.close()
        if subprocess.run(["gdbus", "wait", "--session", "--timeout", "30", "org.freedesktop.secrets"], env=env, stdout=log, stderr=log).returncode:
            self.skipTest(f"gnome-keyring-daemon does not start here: {read(f'{self.folder}/keyring.log').decode(errors='replace')}")
        return env

    def test_token_in_the_keyring(self):
        env = self.start_keyring()
        token = "hf_aTokenThatIsKept"
        self.hub.break_(lambda r: r.server.role == "hub" and r.headers.get("Authorization") != f"Bearer {token}" and not r.reply(401))
        self.assertIn("token", self.fails(env=env))
        said = self.said_with_input(f"{token}\n", "models", "token", env=env)
        said += "".join(self.get("someone/big", env=env))
        self.has("big", self.hub.repos["someone/big"])
        self.assertTrue(self.hub.asked("storage"))
        self.assertTrue(all("Authorization" not in headers for headers in self.hub.asked("storage")))
        self.run_("models", "remove", "big", "--yes", env=env)
        self.assertIn("token", self.fails(env=env | {"HF_ENDPOINT": self.hub.address.replace("127.0.0.1", "localhost")}))  # another hub's
        said += self.said_with_input("", "models", "token", "--forget", env=env)
        said += self.fails(env=env)
        self.assertNotIn(token, said)
        for folder, _, names in os.walk(self.folder):
            for name in names:
                if os.path.isfile(f"{folder}/{name}"):
                    self.assertNotIn(token.encode(), read(f"{folder}/{name}"), name)

    def said_with_input(self, text, *arguments, env):
        process = subprocess.run([PROGRAM, *arguments], env=env, input=text, capture_output=True, text=True, timeout=120)
        self.assertEqual(process.returncode, 0, process.stderr)
        return process.stdout + process.stderr

    def test_proxy(self):
        port = self.hub.address.split(":")[-1]
        seen = []

        def through_proxy(request):
            if request.path.startswith("http://hub.invalid/"):
                seen.append(request.path)
                request.path = request.path[len("http://hub.invalid"):]
            elif request.path.startswith(self.hub.storage_address):
                request.path = request.path[len(self.hub.storage_address):]
                request.answer_storage()
                return True
        self.hub.break_(through_proxy)
        self.get("someone/big", env=self.env | {"HF_ENDPOINT": "http://hub.invalid", "http_proxy": f"http://127.0.0.1:{port}"})
        self.assertTrue(seen)

    def test_mirror_without_head(self):
        self.hub.break_(lambda r: r.command == "HEAD" and not r.reply(501))
        self.get("facebook/musicgen-small")
        self.assertEqual(self.has("musicgen-small", self.stereo)["repo"], "facebook/musicgen-small")

    def test_weak_etags(self):
        """Where the storage has no strong ETag the hash of the whole decides, where there is none of either all comes again."""
        def weak(request):
            if request.server.role == "storage":
                start = int(request.headers.get("Range", "bytes=0-")[6:-1])
                sent = self.big[start:start + 1_000_000] if start < 2_000_000 else self.big[start:]
                request.reply(206 if start else 200, sent, {"ETag": 'W/"weak"', "Content-Range": f"bytes {start}-{len(self.big) - 1}/{len(self.big)}"},
                              length=len(self.big) - start)
                request.close_connection = True
                return True
        self.hub.break_(weak)
        self.get("someone/big")
        self.has("big", self.hub.repos["someone/big"])
        self.assertTrue(all("If-Range" not in headers for headers in self.hub.asked("storage")))

    # ---- verify, remove, import ----

    def test_verify_and_mend(self):
        self.get("someone/big")
        self.run_("models", "verify", "someone/big")
        with open(f"{self.models}/big/{WEIGHTS}", "r+b") as file:
            file.seek(1000)
            file.write(b"changed")
        out, _ = self.run_("models", "verify", "big", "--json", code=1)
        self.assertEqual({f["name"]: f["state"] for f in json.loads(out)["files"]}, {"config.json": "right", WEIGHTS: "wrong-hash"})
        self.get("someone/big")
        self.has("big", self.hub.repos["someone/big"])
        os.remove(f"{self.models}/big/config.json")
        self.get("someone/big")
        self.run_("models", "verify", "big")

    def test_remove(self):
        self.get("someone/big")
        self.run_("models", "remove", "big", code=2)  # nobody is there to say yes
        self.assertEqual(self.names(), ["big"])
        self.run_("models", "remove", "big", "--yes")
        self.assertEqual((self.names(), self.parts()), ([], []))
        self.run_("models", "remove", "starter", "--yes", code=1)
        for name in ("../data", "musicgen-small", ".", "nope"):
            self.run_("models", "remove", name, "--yes", code=3)

    def test_import(self):
        source = f"{CASES}/models/lm_sharded"
        for options, name in (([], "lm_sharded"), (["--link"], "linked")):
            self.run_("models", "import", source, "--as", name, *options)
            self.run_("generate", "rain", "-m", name, "-d", "0.2", "-o", f"{self.folder}/a.wav", "-q")
        self.run_("models", "verify", "lm_sharded")
        self.run_("models", "import", source, code=3)  # there is one of that name
        os.makedirs(f"{self.models}/.locks", exist_ok=True)
        with open(f"{self.models}/.locks/third", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertIn("coming already", self.run_("models", "import", source, "--as", "third", code=3)[1])
        self.run_("models", "import", self.folder, code=3)
        self.run_("models", "remove", "linked", "--yes")
        self.assertTrue(os.path.exists(f"{source}/config.json"))
        self.assertEqual(self.names(), ["lm_sharded"])

    def test_import_of_what_does_not_load(self):
        """Refused with what the engine says of it, and nothing of it stays."""
        bad = f"{self.folder}/bad"

        def refused(said, source=bad, *options):
            for more in ([], ["--link"]):
                _, err = self.run_("models", "import", source, "--as", "new", *more, *options, code=3)
                self.assertIn("would not load", err)
                self.assertIn(said, err)
                self.assertEqual([name for name in os.listdir(self.models) if name != ".locks"], [])
        for name, said in (("enc_missing_tensor", "lacks the tensor"), ("enc_wrong_shape", "has the shape"), ("enc_ratio_zero", "upsampling_ratios"),
                           ("lm_config_truncated", "JSON"), ("lm_heads_not_dividing", "num_attention_heads"), ("lm_index_escapes", "..")):
            refused(said, f"{CASES}/malformed/{name}")
        whole = f"{CASES}/models/lm_sharded"
        for change, said in ((lambda: os.remove(f"{bad}/tokenizer.json"), "tokenizer.json"),
                             (lambda: os.truncate(f"{bad}/model-00002-of-00003.safetensors", 5000), "model-00002"),
                             (lambda: os.remove(f"{bad}/model-00001-of-00003.safetensors"), "model-00001"),
                             (lambda: [os.remove(f"{bad}/{n}") for n in os.listdir(bad) if n != "config.json"], "model.safetensors")):
            shutil.copytree(whole, bad)
            change()
            refused(said)
            shutil.rmtree(bad)
        self.run_("models", "import", f"{CASES}/models/ac_t5", code=3)  # makes no sound
        self.assertEqual((self.names(), self.parts()), ([], []))

    def test_import_of_audiocraft(self):
        """Its text encoder comes along when it lies in the folder; else it must be here."""
        mine = shutil.copytree(f"{CASES}/models/ac_musicgen", f"{self.folder}/place/mine")
        _, err = self.run_("models", "import", mine, code=3)
        self.assertIn("t5-base", err)
        shutil.copytree(f"{CASES}/models/ac_t5", f"{self.folder}/place/t5-base")
        _, err = self.run_("models", "import", mine, code=3)  # there, not here
        self.assertIn("its copy would not load", err)
        self.assertIn("t5-base", err)
        self.assertEqual((self.names(), self.parts()), ([], []))
        self.run_("models", "import", mine, "--link")
        self.run_("models", "remove", "mine", "--yes")
        os.rename(f"{self.folder}/place/t5-base", f"{mine}/t5-base")
        with open(f"{mine}/t5-base/notes.doc", "w") as file:
            file.write("my own")
        self.run_("models", "import", mine)
        shutil.rmtree(mine)
        self.run_("generate", "rain", "-m", "mine", "-d", "0.2", "-o", f"{self.folder}/a.wav", "-q")
        self.assertFalse(os.path.exists(f"{self.models}/mine/t5-base/notes.doc"))
        self.assertFalse(os.path.islink(f"{self.models}/mine/state_dict.bin"))
        files = {f["name"]: f["state"] for f in json.loads(self.run_("models", "verify", "mine", "--json")[0])["files"]}
        self.assertEqual(set(files.values()), {"right"})
        self.assertIn("t5-base/model.safetensors", files)
        with open(f"{self.models}/mine/t5-base/tokenizer.json", "a") as file:
            file.write(" ")
        self.run_("models", "verify", "mine", code=1)

    def test_own_folder_is_kept(self):
        os.makedirs(f"{self.models}/big")
        with open(f"{self.models}/big/config.json", "w") as file:
            file.write("mine")
        _, err = self.get("someone/big", code=1)
        self.assertIn("--as", err)
        self.assertEqual(read(f"{self.models}/big/config.json"), b"mine")

    # ---- cut, killed, begun twice ----

    def storage_sends(self, n, times=1, abruptly=True):
        """The storage cuts its next answers after @n bytes."""
        left = [times]

        def cut(request):
            if request.server.role != "storage" or left[0] == 0:
                return False
            left[0] -= 1
            data, start = self.hub.repos["someone/big"][WEIGHTS], int(request.headers.get("Range", "bytes=0-")[6:-1])
            headers = {"ETag": '"' + hashlib.md5(data).hexdigest() + '-1"', "Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            request.reply(206 if start else 200, data[start:start + n], headers, length=len(data) - start)
            if not abruptly:
                time.sleep(3)
            request.close_connection = True
            return True
        self.hub.break_(cut)

    def test_cut_and_resumed(self):
        self.storage_sends(1_000_000, times=2)
        self.get("someone/big")
        self.has("big", self.hub.repos["someone/big"])
        ranges = [headers.get("Range") for headers in self.hub.asked("storage")]
        self.assertEqual(ranges, [None, "bytes=1000000-", "bytes=2000000-"])
        self.assertTrue(self.hub.asked("storage")[1]["If-Range"].startswith('"'))

    def test_stalls(self):
        self.storage_sends(1_000_000, abruptly=False)
        self.get("someone/big")
        self.has("big", self.hub.repos["someone/big"])
        self.hub.mend()
        shutil.rmtree(f"{self.models}/big")
        self.hub.break_(lambda r: r.server.role == "storage" and (time.sleep(20), True)[1])
        self.assertIn("sent nothing for 1 seconds", self.fails())

    def drips(self, head, body, times):
        """The storage sends @head, then a byte of @body five times a second: no silence is long enough to be one."""
        left = [times]

        def drip(request):
            if request.server.role != "storage" or left[0] == 0:
                return False
            left[0] -= 1
            request.wfile.write(head)
            request.close_connection = True
            for byte in body[:300]:
                request.wfile.write(bytes([byte]))
                time.sleep(0.2)
            return True
        self.hub.break_(drip)

    def test_drips_headers(self):
        self.drips(b"HTTP/1.1 200 OK\r\nX-Padding: ", b"x" * 300, -1)
        self.assertIn("headers in 3 seconds", self.fails())
        self.assertGreater(len(self.hub.asked("storage")), 1)

    def test_drips_body(self):
        self.drips(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n", self.big, 1)
        self.get("someone/big")
        self.has("big", self.hub.repos["someone/big"])
        self.assertRegex(self.hub.asked("storage")[1]["Range"], r"bytes=[0-9]{2}-")
        self.assertEqual(len(self.hub.asked("storage")), 2)

    def stopped_by(self, number):
        """Stops a download with a signal when some of it is here; the process, what it said, and the part."""
        self.hub.bytes_per_s = 1_000_000
        process = self.start("models", "get", "someone/big", "--accept-licence", "unknown")
        part = f"{self.models}/big.part/{WEIGHTS}.part"
        until = time.time() + 60
        while not (os.path.exists(part) and os.path.getsize(part) > 500_000):
            self.assertLess(time.time(), until)
            time.sleep(0.02)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        self.hub.mend()
        return process, err, part

    def test_killed_and_resumed(self):
        part = self.stopped_by(signal.SIGKILL)[2]
        n_here = os.path.getsize(part)
        self.assertEqual(self.names(), [])
        self.assertIn(("big", "partial"), [(m["name"], m["state"]) for m in json.loads(self.run_("models", "list", "--json")[0])["models"]])
        self.get("someone/big")
        self.has("big", self.hub.repos["someone/big"])
        self.assertEqual([h.get("Range") for h in self.hub.asked("storage")], [f"bytes={n_here}-"])

    def test_interrupted(self):
        began = time.time()
        process, err, _ = self.stopped_by(signal.SIGINT)
        self.assertEqual((process.returncode, "Stopped" in err), (130, True), err)
        self.assertLess(time.time() - began, 3 * (4 if SANITIZED else 1))
        self.assertEqual(self.names(), [])

    def test_changed_between_resumes(self):
        self.stopped_by(signal.SIGKILL)
        self.hub.repos["someone/big"][WEIGHTS] = noise(3_000_000, b"another")
        self.hub.commit = "f" * 40
        self.get("someone/big")
        self.assertEqual(self.has("big", self.hub.repos["someone/big"])["commit"], "f" * 40)

    def test_changed_behind_the_same_headers(self):
        """A server that sends the rest of another file, as if it were the same: the hash tells, and it is begun anew."""
        self.storage_sends(1_000_000)
        lied = []

        def other(request):
            if request.server.role == "storage" and request.headers.get("Range") and not lied:
                lied.append(1)
                data, start = noise(3_000_000, b"another"), int(request.headers["Range"][6:-1])
                return not request.reply(206, data[start:], {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"})
        self.hub.break_(other)
        self.get("someone/big")
        self.assertTrue(lied)
        self.has("big", self.hub.repos["someone/big"])

    def test_two_processes(self):
        self.hub.bytes_per_s = 2_000_000
        first, second = (self.start("models", "get", "someone/big", "--accept-licence", "unknown") for _ in range(2))
        said = [process.communicate(timeout=120) for process in (first, second)]
        self.assertEqual((first.returncode, second.returncode), (0, 0), said)
        self.assertEqual(sum("Another Clipwright" in err for _, err in said), 1, said)
        self.assertEqual(len(self.hub.asked("storage", "GET")), 1)
        self.has("big", self.hub.repos["someone/big"])

    # ---- bad servers ----

    def test_statuses(self):
        for status, text, tries in ((403, "refuses access", 1), (404, "does not have it", 1), (416, "416", 1), (500, "problem of its own", 4)):
            with self.subTest(status=status):
                self.hub.mend()
                self.hub.break_(lambda r, s=status: "GET" == r.command and r.path.endswith(WEIGHTS) and not r.reply(s))
                self.assertIn(text, self.fails(code=3 if status == 404 else 1))
                self.assertEqual(len(self.hub.asked("hub", "GET", WEIGHTS)), tries)

    def test_passing_trouble(self):
        seen = []

        def trouble(request):
            if request.server.role == "storage" and len(seen) < 2:
                seen.append(time.time())
                return not request.reply(503 if len(seen) == 1 else 429, headers={"Retry-After": "1"})
        self.hub.break_(trouble)
        self.get("someone/big")
        self.assertGreaterEqual(time.time() - seen[0], 2.0)
        self.hub.mend()
        self.run_("models", "remove", "big", "--yes")
        self.hub.break_(lambda r: r.server.role == "storage" and not r.reply(429, headers={"Retry-After": "3600"}))
        self.assertIn("3600 seconds", self.fails())

    def test_no_such_model(self):
        self.assertIn("has no model", self.fails("someone/nothing", code=3))
        self.run_("models", "get", "nothing", code=3)
        for repo in ("a/b/c", "../x", "a/..", "a b/c", "/etc/passwd"):
            self.hub.mend()
            process = self.start("models", "get", repo, "--accept-licence", "unknown")
            process.communicate()
            self.assertIn(process.returncode, (1, 2))
            self.assertFalse(self.hub.requests)
        self.hub.repos["someone/pickles"] = {"config.json": b"{}", "pytorch_model.bin": b"x"}
        self.assertIn("safetensors", self.fails("someone/pickles", code=3))

    def test_redirects(self):
        for location, text in (("{hub}/someone/big/resolve/main/model.safetensors?round=again", "circles"), ("file:///etc/passwd", "file:"),
                               ("ftp://127.0.0.1/x", "ftp:"), ("http://", "no address"), ("//", "no address")):
            with self.subTest(location=location):
                self.hub.mend()
                self.hub.break_(lambda r, l=location: WEIGHTS in r.path and not r.reply(302, headers={"Location": l.format(hub=self.hub.address)}))
                self.assertRegex(self.fails(), text)
                self.assertLess(len(self.hub.requests), 30)

    def test_relative_redirect_keeps_headers(self):
        """A repository that was renamed: the hub redirects within itself first."""
        def moved(request):
            if request.server.role == "hub" and "someone/old" in request.path:
                return not request.reply(307, headers={"Location": request.path.replace("someone/old", "someone/big")})
        self.hub.break_(moved)
        self.get("someone/old")
        self.has("old", self.hub.repos["someone/big"])

    def test_lies_about_length(self):
        def lying(length, sent, chunked=False):
            def fault(request):
                if request.server.role != "storage":
                    return False
                if not chunked:
                    request.reply(200, sent, length=length)
                else:
                    request.send_response(200)
                    request.send_header("Transfer-Encoding", "chunked")
                    request.end_headers()
                    request.wfile.write(b"%x\r\n" % len(sent) + sent + b"\r\n0\r\n\r\n")
                request.close_connection = True
                return True
            return fault
        for length, sent, chunked, text in ((2_000_000, self.big[:2_000_000], False, "in one place"), (4_000_000, self.big + self.big[:1_000_000], False, "in one place"),
                                            (3_000_000, self.big[:10], False, "failed|cut"), (0, self.big + b"more", True, "more bytes"),
                                            (0, self.big[:-5], True, "cut")):
            with self.subTest(length=length, sent=len(sent), chunked=chunked):
                self.hub.mend()
                self.hub.break_(lying(length, sent, chunked))
                self.assertRegex(self.fails(), text)
                shutil.rmtree(f"{self.models}/big.part", ignore_errors=True)

    def test_wrong_hash(self):
        other = noise(3_000_000, b"another")
        self.hub.break_(lambda r: r.server.role == "storage" and not r.reply(200, other))
        self.assertIn("SHA-256", self.fails())
        self.assertNotIn(f"{WEIGHTS}.part", self.parts())
        self.assertEqual(len(self.hub.asked("storage")), 1)

    def test_html(self):
        page = b"<!DOCTYPE html><html>Log in</html>"
        self.hub.break_(lambda r: r.server.role == "storage" and not r.reply(200, page, {"Content-Type": "text/html; charset=utf-8"}))
        self.assertIn("web page", self.fails())
        self.hub.mend()
        self.hub.break_(lambda r: r.path.startswith("/api/") and not r.reply(200, page, {"Content-Type": "text/html"}))
        self.assertIn("JSON", self.fails())
        self.hub.mend()
        self.hub.break_(lambda r: r.path.endswith("config.json") and not r.reply(200, page, {"Content-Type": "application/json"}))
        self.assertIn("JSON", self.fails())
        self.assertNotIn("config.json.part", self.parts())

    def test_names_that_lead_out(self):
        self.hub.repos["someone/big"] |= {"../../evil.json": b"{}", "/etc/evil": b"x", "model-00001-of-00001.safetensors/../x": b"x"}
        self.get("someone/big")
        self.assertEqual(sorted(os.listdir(f"{self.models}/big")), ["clipwright-model.json", "config.json", WEIGHTS])
        index = {"weight_map": {"a": "../../evil.safetensors"}}
        self.hub.repos["someone/bad"] = {"config.json": b"{}", "model.safetensors.index.json": json.dumps(index).encode()}
        shutil.rmtree(f"{self.models}/big")
        self.assertIn("no shards", self.fails("someone/bad"))

    def test_packed(self):
        self.hub.break_(lambda r: r.server.role == "storage" and not r.reply(200, self.big, {"Content-Encoding": "gzip"}))
        self.assertIn("packed", self.fails())

    def test_no_server(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        self.assertIn("127.0.0.1", self.fails(env=self.env | {"HF_ENDPOINT": f"http://127.0.0.1:{port}"}))
        self.assertIn("HF_ENDPOINT", self.fails(env=self.env | {"HF_ENDPOINT": "nonsense"}))

    def authority(self):
        """A certificate authority of the test's own, and a server of it on loopback: (the authority's certificate, the server's context)."""
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=self.folder)
        with open(f"{self.folder}/leaf.ext", "w") as file:
            file.write("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test Authority")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=localhost")
        openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "leaf.ext",
                "-out", "leaf.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{self.folder}/leaf.pem", f"{self.folder}/leaf.key")
        return f"{self.folder}/ca.pem", context

    def test_tls(self):
        """Safe connections: to a stranger none, to one whom the person's own authority knows one, and from there never down to an open one."""
        pem, context = self.authority()
        hub = Hub()
        self.addCleanup(hub.close)
        hub.repos = self.hub.repos
        hub.servers[0].socket = context.wrap_socket(hub.servers[0].socket, server_side=True)
        env = self.env | {"HF_ENDPOINT": hub.address.replace("http:", "https:"), "HF_TOKEN": "hf_secret"}
        # gcc 12's leak checker now and then crashes itself where GnuTLS's threads end ("Tracer caught signal 11"); the other tests look for leaks
        env["ASAN_OPTIONS"] = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "detect_leaks=0"]))
        self.assertIn("not safe", self.fails(env=env))
        self.assertFalse(hub.requests)
        env["SSL_CERT_FILE"] = pem
        self.assertIn("from a safe connection to an open one on 127.0.0.1", self.fails(env=env))
        self.assertTrue(hub.asked("hub", ending=WEIGHTS))
        self.assertFalse(hub.asked("storage"))
        hub.servers[1].socket = context.wrap_socket(hub.servers[1].socket, server_side=True)
        hub.storage_address = hub.storage_address.replace("http:", "https:")
        self.get("someone/big", env=env)
        self.has("big", hub.repos["someone/big"])
        self.assertTrue(all("Authorization" not in headers for headers in hub.asked("storage")))
        self.assertTrue(all("hf_secret" in headers["Authorization"] for headers in hub.asked("hub")))
        for wrong in (f"{self.folder}/leaf.ext", f"{self.folder}/nothing"):
            self.run_("models", "remove", "big", "--yes", code=None)
            self.assertIn("SSL_CERT_FILE", self.fails(env=env | {"SSL_CERT_FILE": wrong}))

    def test_garbage_instead_of_http(self):
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)

        def serve():
            try:
                while True:
                    connection = server.accept()[0]
                    connection.recv(4096)
                    connection.sendall(b"\0\xff" * 2000)
                    connection.close()
            except OSError:
                pass
        threading.Thread(target=serve, daemon=True).start()
        self.assertIn("127.0.0.1", self.fails(env=self.env | {"HF_ENDPOINT": f"http://127.0.0.1:{server.getsockname()[1]}"}))

    def test_disk_full(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        self.assertIn("disk is full", self.fails(preexec_fn=limit))
        self.assertEqual(os.path.getsize(f"{self.models}/big.part/{WEIGHTS}.part"), 1_000_000)
        self.hub.mend()
        self.get("someone/big")  # goes on once there is room
        self.has("big", self.hub.repos["someone/big"])
        self.assertEqual(self.hub.asked("storage")[0].get("Range"), "bytes=1000000-")

    def test_no_room(self):
        n = 1 << 60
        self.hub.break_(lambda r: r.command == "HEAD" and r.path.endswith(WEIGHTS) and not r.reply(
            302, headers={"X-Linked-Etag": f'"{"0" * 64}"', "X-Linked-Size": str(n), "Location": "/x"}))
        self.assertIn("are free", self.fails())
        self.assertFalse(self.hub.asked("storage"))


if __name__ == "__main__":
    unittest.main()
