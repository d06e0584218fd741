"""A hostile server on 127.0.0.1: whatever bytes a script says, when it says.

usage: server.py SCRIPTS.json

The file maps a name to steps, or {"accept": steps}: what happens to a connection before anything is read, at a port of
its own; or {"tries": [steps, ...]}: what happens the first time it is asked for, the second time and so on, the last for
ever. A request names its script in the field `fault` of its body; one that names none is told `good`.

A step is {"send": HEX}, {"times": N, "send": HEX} (N = 0: until the client is gone), {"trickle": HEX, "every": SECONDS},
{"pause": SECONDS}, "hang", "reset" or "close"; behind the last one the connection is kept. Prints a JSON object of
ports: `main`, and one for each name that acts on accept.
"""

import json
import socket
import struct
import sys
import threading
import time

with open(sys.argv[1], encoding="ascii") as file:
    SCRIPTS = json.load(file)
ASKED = {}
LOCK = threading.Lock()


class Ended(Exception):
    """The connection is over."""


def play(connection, steps):
    for step in steps:
        if step == "hang":
            while connection.recv(65536):
                pass
            raise Ended
        if step == "close":
            raise Ended
        if step == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise Ended
        if "pause" in step:
            time.sleep(step["pause"])
        elif "trickle" in step:
            for byte in bytes.fromhex(step["trickle"]):
                connection.sendall(bytes([byte]))
                time.sleep(step["every"])
        else:
            data, times = bytes.fromhex(step["send"]), step.get("times", 1)
            while True:
                connection.sendall(data)
                times -= 1
                if times == 0:
                    break


def read_request(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            raise Ended
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    size = 0
    for line in head.split(b"\r\n")[1:]:
        name, value = line.split(b":", 1)
        if name.lower() == b"content-length":
            size = int(value)
    while len(body) < size:
        more = connection.recv(65536)
        if not more:
            raise Ended
        body += more
    return json.loads(body).get("fault", "good") if size else "good"


def steps_of(name):
    script = SCRIPTS[name]
    if isinstance(script, list):
        return script
    with LOCK:
        number = ASKED[name] = ASKED.get(name, 0) + 1
    return script["tries"][min(number, len(script["tries"])) - 1]


def serve(connection, steps):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        if steps is not None:
            play(connection, steps)
        while True:
            play(connection, steps_of(read_request(connection)))
    except (Ended, OSError):
        pass
    finally:
        connection.close()


def listen(steps, address="127.0.0.1", family=socket.AF_INET):
    listener = socket.socket(family)
    listener.bind((address, 0))
    listener.listen(64)

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, steps), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


ports = {"main": listen(None)}
try:
    ports["ipv6"] = listen(None, "::1", socket.AF_INET6)
except OSError:
    pass
for script_name, script_value in SCRIPTS.items():
    if isinstance(script_value, dict) and "accept" in script_value:
        ports[script_name] = listen(script_value["accept"])
print(json.dumps(ports), flush=True)
threading.Event().wait()
