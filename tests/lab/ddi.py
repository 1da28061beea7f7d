"""Stands in for Eclipse hawkBit: its Direct Device Integration API (v1) for one target, by the API's own document
(https://eclipse.dev/hawkbit/rest-api/ddi/). It answers what is there and refuses everything else, by the status that hawkBit has.

    ddi.py ADDRESS PORT TENANT TARGET TOKEN FOLDER

FOLDER holds `server.pem` (certificate and key) and, once something is to be rolled out, `deployment.json`: the bundle's file and its
version. What happens is written into `events.jsonl`, one JSON value a line.
"""

import hashlib
import http.server
import json
import os
import re
import ssl
import sys
import threading

ADDRESS, PORT, TENANT, TARGET, TOKEN, FOLDER = sys.argv[1:]
BASE = f"/{TENANT}/controller/v1/{TARGET}"
EXECUTIONS = {"closed", "proceeding", "canceled", "scheduled", "rejected", "resumed", "download", "downloaded"}
RESULTS = {"success", "failure", "none"}
ACTION, MODULE = "1", "7"
LARGEST = 1 << 16

lock = threading.Lock()
state = {"attributes": None, "open": True}


def event(**what):
    with lock, open(os.path.join(FOLDER, "events.jsonl"), "a", encoding="utf-8") as events:
        events.write(json.dumps(what) + "\n")


def deployment():
    """What is to be rolled out, as long as the target hasn't closed it."""
    try:
        with open(os.path.join(FOLDER, "deployment.json"), encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        return None
    return found if state["open"] else None


def sums(path):
    with open(path, "rb") as file:
        contents = file.read()
    hashes = {name: hashlib.new(name, contents).hexdigest() for name in ("sha1", "md5", "sha256")}
    return hashes, len(contents)


class Refused(Exception):
    pass


class Target(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, method):
        path = self.path.split("?")[0]
        try:
            if self.headers.get("Authorization") != f"TargetToken {TOKEN}":
                raise Refused(401, "no target has this token")
            self.route(method, path)
        except Refused as refused:
            status, reason = refused.args
            event(refused=status, method=method, path=self.path, reason=reason)
            self.close_connection = True
            self.give(status, json.dumps({"errorCode": reason}).encode())

    def do_GET(self):
        self.answer("GET")

    def do_PUT(self):
        self.answer("PUT")

    def do_POST(self):
        self.answer("POST")

    def do_DELETE(self):
        self.answer("DELETE")

    def route(self, method, path):
        if not path.startswith(BASE):
            raise Refused(404, "no such target")
        ways = [
            ("", "GET", self.poll),
            ("/configData", "PUT", self.attributes),
            (rf"/deploymentBase/(\d+)", "GET", self.deployment_base),
            (rf"/deploymentBase/(\d+)/feedback", "POST", self.feedback),
            (rf"/softwaremodules/{MODULE}/artifacts/([^/]+)", "GET", self.artifact),
        ]
        for pattern, wanted, way in ways:
            found = re.fullmatch(pattern, path[len(BASE):])
            if found and method == wanted:
                return way(*found.groups())
            if found:
                raise Refused(405, "not by this method")
        raise Refused(404, "no such resource")

    def href(self, path):
        return {"href": f"https://{self.headers['Host']}{BASE}{path}"}

    def poll(self):
        self.accepts("json")
        links = {}
        if state["attributes"] is None:
            links["configData"] = self.href("/configData")
        found = deployment()
        if found:
            links["deploymentBase"] = self.href(f"/deploymentBase/{ACTION}?c=1")
        event(poll=True, source=self.client_address[0], offered=bool(found))
        self.give_json({"config": {"polling": {"sleep": "00:05:00"}}, "_links": links})

    def attributes(self):
        body = self.body()
        # Beside these two, the forms of older releases of the API are taken as they were.
        if set(body) - {"mode", "data", "id", "time", "status"} or not isinstance(body.get("data"), dict):
            raise Refused(400, "no attributes")
        if body.get("mode", "merge") not in ("merge", "replace", "remove"):
            raise Refused(400, "no such mode")
        if not all(isinstance(value, str) for value in body["data"].values()):
            raise Refused(400, "attributes are text")
        state["attributes"] = body["data"]
        event(attributes=body["data"])
        self.give(200, b"")

    def found(self, action):
        if action != ACTION:
            raise Refused(404, "no such action")
        if not state["open"]:
            raise Refused(410, "the action is closed")
        found = deployment()
        if not found:
            raise Refused(404, "no such action")
        return found

    def deployment_base(self, action):
        self.accepts("json")
        found = self.found(action)
        hashes, size = sums(found["bundle"])
        name = os.path.basename(found["bundle"])
        at = f"/softwaremodules/{MODULE}/artifacts/{name}"
        links = {"download": self.href(at), "md5sum": self.href(at + ".MD5SUM")}
        artifact = {"filename": name, "hashes": hashes, "size": size, "_links": links}
        chunk = {"part": "os", "version": found["version"], "name": "sekisho", "artifacts": [artifact]}
        event(deployment=action)
        self.give_json({"id": action, "deployment": {"download": "forced", "update": "forced", "chunks": [chunk]}})

    def feedback(self, action):
        self.found(action)
        body = self.body()
        status = body.get("status")
        if set(body) - {"id", "time", "timestamp", "status"} or not isinstance(status, dict):
            raise Refused(400, "no feedback")
        execution, result = status.get("execution"), status.get("result")
        finished = result.get("finished") if isinstance(result, dict) else None
        if execution not in EXECUTIONS or finished not in RESULTS:
            raise Refused(400, "no such execution or result")
        details = status.get("details", [])
        if not isinstance(details, list) or not all(isinstance(line, str) for line in details):
            raise Refused(400, "details are lines of text")
        event(execution=execution, finished=finished, details=details)
        if execution == "closed":
            state["open"] = False
            if finished == "success":
                # After an update the target is asked anew who it is.
                state["attributes"] = None
        self.give(200, b"")

    def artifact(self, name):
        found = deployment()
        if not found or name != os.path.basename(found["bundle"]):
            raise Refused(404, "no such artifact")
        size = os.path.getsize(found["bundle"])
        wanted, first = self.headers.get("Range"), 0
        if wanted:
            from_on = re.fullmatch(r"bytes=(\d+)-", wanted)
            if not from_on or int(from_on[1]) >= size:
                raise Refused(416, "no such range")
            first = int(from_on[1])
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(size - first))
        self.send_header("Accept-Ranges", "bytes")
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        self.end_headers()
        with open(found["bundle"], "rb") as file:
            file.seek(first)
            while block := file.read(1 << 16):
                self.wfile.write(block)
        event(downloaded=name, source=self.client_address[0])

    def accepts(self, kind):
        accepted = self.headers.get("Accept", "*/*")
        if kind not in accepted and "*/*" not in accepted:
            raise Refused(406, f"there is {kind} alone")

    def body(self):
        if "json" not in self.headers.get("Content-Type", ""):
            raise Refused(415, "this takes JSON")
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST:
            raise Refused(400, "a length that is none, or too much")
        try:
            body = json.loads(self.rfile.read(int(length)))
        except ValueError:
            raise Refused(400, "no JSON") from None
        if not isinstance(body, dict):
            raise Refused(400, "no object")
        return body

    def give_json(self, value):
        self.give(200, json.dumps(value).encode(), "application/hal+json;charset=utf-8")

    def give(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    def get_request(self):
        # TLS begins in the connection's own thread, so that one that says nothing holds up nobody.
        connection, source = super().get_request()
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), source


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.path.join(FOLDER, "server.pem"))
server = Server((ADDRESS, int(PORT)), Target)
print("ready", flush=True)
server.serve_forever()
