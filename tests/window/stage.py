# SPDX-License-Identifier: MIT
"""A display of the test's own with the window on it, keys for it, and what can be seen and heard of it."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

PROGRAM = os.path.abspath(sys.argv[1])
RATE_HZ = 16000  # of the starter model: the sink takes it as it is
SLOW = 4 if "asan" in PROGRAM else 1


def wait_for(what, condition, seconds):
    until = time.time() + seconds * SLOW
    while time.time() < until:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come to pass in {seconds * SLOW} s")


class Stage:
    """A display, and with_sound a sound server, with a window on it; with a window manager where the keyboard must find its way back
    from a window that closed."""

    def __init__(self, with_sound, manager=False, **env):
        self.folder = tempfile.mkdtemp()
        self.processes = []
        socket = f"{self.folder}/pulse.sock"
        read, write = os.pipe()
        self.start(["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-nolisten", "tcp"], pass_fds=[write])
        display = os.read(read, 16).decode().strip()
        self.env = dict(os.environ, DISPLAY=f":{display}", GDK_BACKEND="x11", GSK_RENDERER="cairo", HOME=self.folder, LC_ALL="C.UTF-8",
                        XDG_RUNTIME_DIR=self.folder, PULSE_SERVER=f"unix:{socket}", GSETTINGS_BACKEND="memory", GTK_USE_PORTAL="0")
        for name in ("WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "XDG_STATE_HOME", "XDG_DATA_HOME"):
            self.env.pop(name, None)
        self.env |= env
        if with_sound:
            open(f"{self.folder}/.asoundrc", "w").write("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
            self.start(["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
                        "-L", f"module-native-protocol-unix auth-anonymous=1 socket={socket}",
                        "-L", f"module-null-sink sink_name=out rate={RATE_HZ} channels=2 format=float32le"], env=self.env)
            wait_for("the sound server", lambda: os.path.exists(socket), 10)
            time.sleep(0.5)
            self.capture = f"{self.folder}/heard.raw"
            self.start(["parec", "-d", "out.monitor", "--format=float32le", f"--rate={RATE_HZ}", "--channels=2"], env=self.env,
                       stdout=open(self.capture, "wb"))
        if manager:
            self.start(["openbox", "--sm-disable"], env=self.env)
        self.log = open(f"{self.folder}/log", "wb")
        self.window = self.start([PROGRAM], env=self.env, stdout=self.log, stderr=self.log, cwd=self.folder)
        wait_for("the window", lambda: self.xdotool("search", "--name", "^Clipwright$").strip(), 20)
        time.sleep(1.5 * SLOW)

    def start(self, command, **options):
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        self.processes.append(subprocess.Popen(command, **options))
        return self.processes[-1]

    def xdotool(self, *arguments):
        return subprocess.run(["xdotool", *arguments], env=self.env, capture_output=True, text=True).stdout

    def key(self, *names):
        self.xdotool("key", "--delay", "60", *names)
        time.sleep(0.3 * SLOW)

    def type(self, text):
        self.xdotool("type", "--delay", "15", text)
        time.sleep(0.3 * SLOW)

    def colours(self):
        picture = subprocess.run(["import", "-window", "root", "-depth", "8", "rgb:-"], env=self.env, capture_output=True).stdout
        return np.frombuffer(picture, np.uint8).reshape(800, 1280, 3)

    def wave_pixels(self):
        """How many pixels of the wave's place are blue."""
        area = self.colours()[90:470, 20:800].astype(int)
        return int(((area[..., 2] > 150) & (area[..., 0] < 90)).sum())

    def heard(self):
        return np.fromfile(self.capture, "<f4", count=os.path.getsize(self.capture) // 8 * 2).reshape(-1, 2)

    def loud(self):
        sound = self.heard()
        return len(sound) and np.abs(sound).max() > 1e-4

    def export(self, path):
        self.key("ctrl+e")
        time.sleep(1.0 * SLOW)
        self.key("ctrl+a")
        self.type(path)
        self.key("Return")
        wait_for(path, lambda: os.path.exists(path), 10)

    def quit(self):
        self.key("ctrl+q")
        try:
            code = self.window.wait(timeout=20 * SLOW)
        except subprocess.TimeoutExpired:
            raise AssertionError("the window did not close")
        assert code == 0, f"exit {code}"

    def close(self, failed):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    process.kill()
        log = open(f"{self.folder}/log").read()
        if failed:
            print(log)
        shutil.rmtree(self.folder, ignore_errors=True)
        return log
