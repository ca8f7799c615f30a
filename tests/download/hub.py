# SPDX-License-Identifier: MIT
"""A stand-in for the model hub on loopback: its list of a repository, its resolve addresses with their headers, and a storage on
another port that large files are redirected to, as on the hub. Faults are put in by `break_`: a function that is given the request
before the usual answer, and returns True when it has answered itself.
"""
import hashlib
import http.server
import json
import threading
import time
import urllib.parse

LARGE = 10000  # from here on a file lies in the storage, with its SHA-256 stated


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def setup(self):
        super().setup()
        self.connection.settimeout(30)

    def do_HEAD(self):
        self.handle_any()

    def do_GET(self):
        self.handle_any()

    def handle_any(self):
        hub = self.server.hub
        with hub.lock:
            hub.requests.append((self.server.role, self.command, self.path, dict(self.headers)))
            faults = list(hub.faults)
        try:
            for fault in faults:
                if fault(self):
                    return
            (self.answer_hub if self.server.role == "hub" else self.answer_storage)()
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True

    def reply(self, status, body=b"", headers=None, length=None):
        """One answer. @length: what Content-Length says, if not the truth."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.send_body(body)

    def send_body(self, body):
        hub = self.server.hub
        if not hub.bytes_per_s:
            self.wfile.write(body)
            return
        for at in range(0, len(body), 16384):
            self.wfile.write(body[at:at + 16384])
            time.sleep(16384 / hub.bytes_per_s)

    def split(self):
        """(repository, file) of a resolve address, else None."""
        parts = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).lstrip("/").split("/")
        if "resolve" not in parts[1:3]:
            return None
        at = parts.index("resolve")
        return "/".join(parts[:at]), "/".join(parts[at + 2:])

    def answer_hub(self):
        hub = self.server.hub
        path = urllib.parse.urlsplit(self.path).path
        if path.startswith("/api/models/"):
            repo = path[len("/api/models/"):].split("/revision/")[0]
            if repo not in hub.repos:
                return self.reply(404, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
            files = hub.repos[repo]
            body = {"id": repo, "sha": hub.commit, "siblings": [{"rfilename": name} for name in files], "gated": False}
            if repo in hub.licences:
                body["cardData"] = {"license": hub.licences[repo]}
            return self.reply(200, json.dumps(body).encode(), {"Content-Type": "application/json; charset=utf-8"})
        repo, name = self.split() or (None, None)
        if name not in hub.repos.get(repo, {}):
            return self.reply(404, b"Entry not found", {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"})
        data = hub.repos[repo][name]
        headers = {"X-Repo-Commit": hub.commit, "Accept-Ranges": "bytes"}
        if len(data) < LARGE:
            git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            return self.reply(200, data, {**headers, "ETag": f'"{git}"', "Content-Type": "text/plain; charset=utf-8"})
        headers |= {"X-Linked-Etag": f'"{sha256(data)}"', "X-Linked-Size": str(len(data)),
                    "Location": f"{hub.storage_address}/{repo}/{name}?signature=abc"}
        return self.reply(302, b"Found. Redirecting", headers)

    def answer_storage(self):
        hub = self.server.hub
        owner, rest, name = urllib.parse.urlsplit(self.path).path.lstrip("/").split("/")
        data = hub.repos[f"{owner}/{rest}"][name]
        etag = '"' + hashlib.md5(data).hexdigest() + '-1"'
        headers = {"ETag": etag, "Content-Type": "binary/octet-stream", "Accept-Ranges": "bytes"}
        wanted = self.headers.get("Range")
        if wanted and self.headers.get("If-Range", etag) == etag:
            start = int(wanted[len("bytes="):].split("-")[0])
            if start >= len(data):
                return self.reply(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return self.reply(206, data[start:], headers)
        return self.reply(200, data, headers)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that goes away in the middle is part of the play


class Hub:
    def __init__(self):
        self.lock = threading.Lock()
        self.requests, self.faults = [], []
        self.repos, self.licences = {}, {}
        self.commit = "0123456789abcdef0123456789abcdef01234567"
        self.bytes_per_s = 0
        self.servers = []
        self.address = self.start("hub")
        self.storage_address = self.start("storage")

    def start(self, role):
        server = Server(("127.0.0.1", 0), Handler)
        server.hub, server.role = self, role
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def break_(self, fault):
        with self.lock:
            self.faults.append(fault)

    def mend(self):
        with self.lock:
            self.faults.clear()
            self.requests.clear()
        self.bytes_per_s = 0

    def asked(self, role, command=None, ending=""):
        """Headers of the requests that fit."""
        with self.lock:
            return [headers for r, c, path, headers in self.requests
                    if r == role and command in (None, c) and urllib.parse.urlsplit(path).path.endswith(ending)]
