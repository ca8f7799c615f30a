# SPDX-License-Identifier: MIT
"""A display of the test's own with the window on it, keys for it, and what can be seen and heard of it.

Nothing here waits for a time: it waits for what is to come. What the program can do just now its actions say, on a session bus of the
stage's own (`can`); what has no action is seen on the screen (`change`).
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import wave

import numpy as np

PROGRAM = os.path.abspath(sys.argv[1])
RATE_HZ = 16000  # of the starter model: the sink takes it as it is
SLOW = 4 if "asan" in PROGRAM else 1
WIDTH, HEIGHT = 1280, 800
PATH = "/io/github/clipwright/Clipwright/window/1"
SETTINGS = "[Settings]\ngtk-enable-animations=0\ngtk-cursor-blink=0\n"


def wait_for(what, condition, seconds):
    """Returns what @condition gives once it is true."""
    until = time.time() + seconds * SLOW
    while True:
        if result := condition():
            return result
        if time.time() > until:
            raise AssertionError(f"{what} did not come to pass in {seconds * SLOW} s")
        time.sleep(0.05)


def write_tone(path, rate_hz=32000, seconds=1):
    """A steady sound of 2 channels."""
    with wave.open(path, "wb") as file:
        file.setparams((2, 2, rate_hz, 0, "NONE", ""))
        file.writeframes((9000 * np.sin(np.arange(2 * seconds * rate_hz) * 0.03)).astype("<i2").tobytes())


def recipe_of(path):
    """What the comment of an exported file says of how it was made."""
    data = open(path, "rb").read()
    return json.JSONDecoder().raw_decode(data[data.index(b'{"program"'):].decode(errors="replace"))[0]


class Stage:
    """A display with a window manager, and with_sound a sound server, with a window on it. @screen: its size in pixels. @files: that
    lie in the home folder, by path."""

    def __init__(self, with_sound, screen=(WIDTH, HEIGHT), files=None, **env):
        self.folder = tempfile.mkdtemp()
        for path, text in (files or {}).items():
            os.makedirs(os.path.dirname(f"{self.folder}/{path}"), exist_ok=True)
            open(f"{self.folder}/{path}", "w").write(text)
        self.processes = []
        self.screen = screen
        try:
            self.set_up(with_sound, env)
        except BaseException:
            self.close(True)
            raise

    def set_up(self, with_sound, env):
        screen = self.screen
        self.socket = f"{self.folder}/pulse.sock"
        read, write = os.pipe()
        self.start(["Xvfb", "-displayfd", str(write), "-screen", "0", f"{screen[0]}x{screen[1]}x24", "-nolisten", "tcp", "-noreset"], pass_fds=[write])
        display = os.read(read, 16).decode().strip()
        self.env = dict(os.environ, DISPLAY=f":{display}", GDK_BACKEND="x11", GSK_RENDERER="cairo", HOME=self.folder, LC_ALL="C.UTF-8",
                        XDG_RUNTIME_DIR=self.folder, PULSE_SERVER=f"unix:{self.socket}", GSETTINGS_BACKEND="memory", GTK_USE_PORTAL="0",
                        GTK_A11Y="none", DBUS_SESSION_BUS_ADDRESS=f"unix:path={self.folder}/bus")
        for name in ("WAYLAND_DISPLAY", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            self.env.pop(name, None)
        self.env |= env
        os.makedirs(f"{self.folder}/.config/gtk-4.0", exist_ok=True)
        open(f"{self.folder}/.config/gtk-4.0/settings.ini", "w").write(SETTINGS)
        self.start(["dbus-daemon", "--session", "--nofork", f"--address={self.env['DBUS_SESSION_BUS_ADDRESS']}"], env=self.env)
        if with_sound:
            self.start_sound()
        self.start(["openbox", "--sm-disable"], env=self.env)
        wait_for("the window manager", lambda: "=" in self.ask("xprop", "-root", "_NET_SUPPORTED"), 20)
        wait_for("the bus", lambda: os.path.exists(f"{self.folder}/bus"), 10)
        self.log = open(f"{self.folder}/log", "wb")
        self.window = self.start([PROGRAM], env=self.env, stdout=self.log, stderr=self.log, cwd=self.folder)
        self.toplevel = self.await_window("^Clipwright$", 30)
        self.name = wait_for("the program on the bus", self.find_name, 10)
        self.start(["gdbus", "monitor", "--session", "-d", self.name, "-o", PATH], env=self.env, stdout=open(f"{self.folder}/actions", "wb"))
        wait_for("the monitor", lambda: open(f"{self.folder}/actions").read(), 10)
        wait_for("the model", lambda: self.can("generate"), 30)

    def start(self, command, **options):
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        self.processes.append(subprocess.Popen(command, **options))
        return self.processes[-1]

    def start_sound(self):
        """Two sinks: what the program plays goes into "out"; what is played into "room" is what its microphone hears."""
        open(f"{self.folder}/.asoundrc", "w").write("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
        self.start(["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
                    "-L", f"module-native-protocol-unix auth-anonymous=1 socket={self.socket}",
                    "-L", f"module-null-sink sink_name=out rate={RATE_HZ} channels=2 format=float32le",
                    "-L", "module-null-sink sink_name=room rate=48000 channels=2 format=float32le"], env=self.env)
        wait_for("the sound server", lambda: "room.monitor" in self.ask("pactl", "list", "short", "sources"), 20)
        self.ask("pactl", "set-default-sink", "out")
        self.ask("pactl", "set-default-source", "room.monitor")
        self.capture = f"{self.folder}/heard.raw"
        self.start(["parec", "-d", "out.monitor", "--format=float32le", f"--rate={RATE_HZ}", "--channels=2"], env=self.env,
                   stdout=open(self.capture, "wb"))
        wait_for("the capture", lambda: os.path.getsize(self.capture), 20)

    def ask(self, *command):
        return subprocess.run(command, env=self.env, capture_output=True, text=True).stdout

    def xdotool(self, *arguments):
        return self.ask("xdotool", *arguments)

    # ---- what the program can do ----

    def gdbus(self, destination, path, method, *arguments):
        return self.ask("gdbus", "call", "--session", "-d", destination, "-o", path, "-m", method, *arguments)

    def find_name(self):
        """The program owns no name of its own on the bus; the one that has the window is it."""
        names = re.findall(r"':[0-9.]+'", self.gdbus("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.ListNames"))
        return next((name for name in (n.strip("'") for n in names) if "generate" in self.gdbus(name, PATH, "org.gtk.Actions.List")), None)

    def can(self, action):
        return self.gdbus(self.name, PATH, "org.gtk.Actions.Describe", action).startswith("((true")

    def n_stop_changed(self):
        """How often what Stop can do changed so far: a clip that begins is one, however short it is."""
        return open(f"{self.folder}/actions").read().count("'stop': ")

    def begin(self, *keys):
        """Presses keys that begin a clip, while none is being made, and waits until it is being made."""
        before = self.n_stop_changed()
        self.key(*keys)
        wait_for("a clip", lambda: self.n_stop_changed() > before, 20)

    def finish(self, seconds=30):
        """Waits until nothing is being made."""
        wait_for("the end of the clip", lambda: not self.can("stop"), seconds)

    # ---- windows ----

    def await_window(self, name, seconds=15):
        """The window of that name, once it has the keyboard."""
        def has_focus():
            found = self.xdotool("search", "--onlyvisible", "--name", name).split()
            return found[-1] if found and found[-1] == self.xdotool("getactivewindow").strip() else None
        return wait_for(f"the window {name}", has_focus, seconds)

    def await_dialog(self):
        """A window that is not the main one, once it has the keyboard and is drawn."""
        def other():
            active = self.xdotool("getactivewindow").strip()
            return active if active and active != self.toplevel else None
        dialog = wait_for("a dialog", other, 15)
        self.settle()
        return dialog

    def await_main(self):
        wait_for("the main window", lambda: self.xdotool("getactivewindow").strip() == self.toplevel, 15)

    def geometry(self, window=None):
        """x, y, width, height."""
        text = self.xdotool("getwindowgeometry", "--shell", window or self.toplevel)
        return tuple(int(re.search(rf"^{name}=(-?\d+)", text, re.MULTILINE).group(1)) for name in ("X", "Y", "WIDTH", "HEIGHT"))

    def resize(self, width, height, window=None):
        """Asks for a size, as dragging a corner does, and returns what it became. The window shrinks in steps where its least size
        depends on the size that it has."""
        before = None
        while before != (before := self.geometry(window)[2:]):
            self.xdotool("windowsize", window or self.toplevel, str(width), str(height))
            self.settle()
        return before

    # ---- keys and the screen ----

    def key(self, *names):
        self.xdotool("key", "--delay", "15", *names)

    def type(self, text):
        self.xdotool("type", "--delay", "10", text)

    def colours(self):
        picture = subprocess.run(["import", "-window", "root", "-depth", "8", "rgb:-"], env=self.env, capture_output=True).stdout
        return np.frombuffer(picture, np.uint8).reshape(self.screen[1], self.screen[0], 3)

    def settle(self):
        """Until the picture stands still."""
        last = self.colours()
        for _ in range(100):
            time.sleep(0.1 if SLOW == 1 else 0.3)
            if np.array_equal(last, last := self.colours()):
                return last
        raise AssertionError("the picture never stands still")

    def change(self, *keys):
        """Presses keys that have something to show for it, and waits until it is shown."""
        before = self.colours()
        self.key(*keys)
        wait_for(f"what {keys} shows", lambda: not np.array_equal(before, self.colours()), 15)
        return self.settle()

    def picture(self, path):
        subprocess.run(["import", "-window", "root", path], env=self.env)

    def wave_pixels(self):
        """How many pixels of the wave's place are blue."""
        x, y, width, height = self.geometry()
        area = self.colours()[y + 60:y + height - 220, x + 10:x + width - 280].astype(int)
        return int(((area[..., 2] > 150) & (area[..., 0] < 90)).sum())

    def generate(self, prompt):
        """Types a prompt, presses Enter and waits until the clip is made."""
        self.key("ctrl+l", "ctrl+a")
        self.type(prompt)
        self.begin("Return")
        self.finish()

    def export(self, path):
        wait_for("something to export", lambda: self.can("export"), 10)
        self.key("ctrl+e")
        self.await_dialog()
        self.key("ctrl+a")
        self.type(path)
        self.key("Return")
        wait_for(path, lambda: os.path.exists(path), 20)
        self.await_main()

    def choose_next_model(self):
        """The one after the chosen one in the list."""
        self.key("ctrl+shift+m")
        self.change("space")
        self.change("Down", "Return")
        wait_for("the model", lambda: self.can("generate"), 30)
        self.settle()

    def begin_with(self, path):
        """Chooses a sound to begin with, by keys."""
        self.key("ctrl+shift+o")
        self.await_dialog()
        self.type(path)
        self.settle()
        self.key("Return")
        self.await_main()
        self.settle()

    # ---- sound ----

    def heard(self):
        return np.fromfile(self.capture, "<f4", count=os.path.getsize(self.capture) // 8 * 2).reshape(-1, 2)

    def heard_s(self):
        """Seconds since the first sound that was heard."""
        loud = np.abs(self.heard()).max(axis=1) > 1e-4
        return (len(loud) - int(loud.argmax())) / RATE_HZ if loud.any() else 0.0

    # ---- the end ----

    def quit(self):
        self.key("ctrl+q")
        try:
            code = self.window.wait(timeout=20 * SLOW)
        except subprocess.TimeoutExpired:
            raise AssertionError("the window did not close")
        assert code == 0, f"exit {code}"

    def close(self, failed):
        if failed and (where := os.environ.get("CLIPWRIGHT_TEST_PICTURE")):
            self.picture(where)
        if failed and hasattr(self, "window"):
            print("the program", "runs" if self.window.poll() is None else f"ended with {self.window.returncode}")
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    process.kill()
        log = open(f"{self.folder}/log").read() if os.path.exists(f"{self.folder}/log") else ""
        if failed:
            print(log)
        shutil.rmtree(self.folder, ignore_errors=True)
        return log


def play(act, *arguments, **options):
    """@act on a stage of its own, to the end: closed by keys, without a word of complaint."""
    stage = Stage(*arguments, **options)
    failed = True
    try:
        act(stage)
        stage.quit()
        failed = False
    finally:
        log = stage.close(failed)
    for word in ("CRITICAL", "WARNING"):
        assert word not in log, log
