"""Answers POST /NAME with the bytes of the recording NAME, as an event stream.

usage: replay.py PORT FOLDER      GET /health answers once it listens
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, body, content_type):
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(b"ok", "text/plain")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        with open(os.path.join(sys.argv[2], os.path.basename(self.path)), "rb") as file:
            self.answer(file.read(), "text/event-stream")


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
