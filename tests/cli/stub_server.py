"""An OpenAI server that answers as the file `stub.json` in its folder says, for what no simulator would do.
Prints its address.

    {"*": {"usage": false}, "3": {"status": 500, "body": "no"}, "models": {"guarded": true}}

With the argument --tls it speaks TLS, by tls.pem and tls.key there.

"3" is the third completion since the server began that a round measures (world.round's have 8 tokens; warm-ups say so
in their text, what only looks at the server asks for fewer), "*" every other one. Of a completion:
`status` and `body` (an answer that is no stream), `text` (the one token's), `usage` (false: none is told),
`events` (data of events in place of the usual ones), `header` (a further header's value). Of /v1/models:
`guarded` (401 without a key), and of it and of /health `status` and `body`. Of /metrics, which counts tokens as llama.cpp does: `others` (so many a completion that
are another client's). {key} in any of them is the request's own bearer key. The last request's
Authorization header is written to the file `authorization`, all its headers to `headers`.
"""

import http.server
import itertools
import json
import ssl
import sys
import threading

NUMBERS, LOCK = itertools.count(1), threading.Lock()
WRITTEN = []  # tokens, by completion


def stub():
    try:
        with open("stub.json", encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def usual_events(want):
    yield json.dumps({"choices": [{"index": 0, "delta": {"content": want.get("text", "Yes")}}]})
    yield json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})
    if want.get("usage", True):
        yield json.dumps({"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 1}})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, content_type, text, header=None):
        key = self.headers.get("Authorization", "none").removeprefix("Bearer ")
        body = text.replace("{key}", key).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if header:
            self.send_header("X-Note", header.replace("{key}", key))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/v1/models" and stub().get("models", {}).get("guarded"):
            if "Authorization" not in self.headers:
                self.answer(401, "application/json", '{"error": "no key was given"}')
                return
        if self.path == "/metrics":
            self.answer(200, "text/plain", f"llamacpp:tokens_predicted_total {sum(WRITTEN)}\n")
            return
        want = stub().get(self.path.rsplit("/", 1)[-1], {})
        if "status" in want:
            self.answer(want["status"], "text/html", want.get("body", ""))
            return
        self.answer(200, "application/json", '{"object": "list", "data": [{"id": "qwen2.5-7b"}]}')

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        measured = json.loads(body).get("max_tokens") == 8 and b"Warm-up" not in body
        with LOCK:
            number = next(NUMBERS) if measured else 0
            with open("authorization", "w", encoding="ascii") as file:
                file.write(self.headers.get("Authorization", "none"))
            with open("headers", "w", encoding="ascii") as file:
                file.write(str(self.headers))
        wanted = stub()
        WRITTEN.append(1 + wanted.get("metrics", {}).get("others", 0))
        want = wanted.get(str(number), wanted.get("*", {}))
        if "body" in want:
            self.answer(want.get("status", 200), "application/json", want["body"], want.get("header"))
            return
        events = itertools.chain(want.get("events") or usual_events(want), ["[DONE]"])
        self.answer(200, "text/event-stream", "".join(f"data: {data}\n\n" for data in events), want.get("header"))

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
if "--tls" in sys.argv:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("tls.pem", "tls.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print(f"https://localhost:{server.server_port}", flush=True)
else:
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
