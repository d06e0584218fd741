"""A server that answers every completion with one token and writes the request's Authorization header to the
file `authorization`. Prints its address."""

import http.server
import json

CHUNKS = [
    {"choices": [{"index": 0, "delta": {"content": "Yes"}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]},
    {"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 1, "total_tokens": 21}},
]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, content_type, body):
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer("application/json", b'{"object": "list", "data": []}')

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        with open("authorization", "w", encoding="ascii") as file:
            file.write(self.headers.get("Authorization", "none"))
        events = [f"data: {json.dumps(chunk)}\n\n" for chunk in CHUNKS] + ["data: [DONE]\n\n"]
        self.answer("text/event-stream", "".join(events).encode())

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
