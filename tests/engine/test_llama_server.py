#!/usr/bin/env python3
"""The wrapper llama-server takes the flags that llamacpp.lua writes, and serves as llama.cpp does.

Exit status 77 where no interpreter has xllamacpp (1 where CI is set).
"""

import http.client
import importlib.util
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SERVER = HERE.parents[1] / "scripts" / "llamacpp" / "llama-server"
TARGET = HERE / "models" / "tiny-target-q8_0.gguf"
DRAFT = HERE / "models" / "tiny-draft-q8_0.gguf"
PROMPTS = (
    "Summarise the report: the president said on Monday that the government would cut taxes.",
    "Summarise the report: police in London said a man was arrested after a fire at a hotel.",
    "Summarise the report: the company said its profit rose in the third quarter, officials said.",
)
READY_SECONDS = 60

SPECBENCH = os.environ.get("SPECBENCH", "specbench")  # the build under test

ARGV_SCRIPT = """
local engine = require "specbench.engine".load "llamacpp"
local server = load("return " .. arg[1])()
server.model = { name = "tiny", path = arg[2], binary = arg[4] }
server.draft = { name = "tiny-draft", path = arg[3] }
assert(not engine.unsupported(server), engine.unsupported(server))
io.write(table.concat(engine.command(server).argv, "\\0"))
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def engine_argv(description, port):
    """What llamacpp.lua writes for a server description, given as a Lua table's inside."""
    server = "{ port = %d, max_model_len = 2048, max_num_seqs = 2, %s }" % (port, description)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(ARGV_SCRIPT)
        script.flush()
        output = subprocess.run(
            [SPECBENCH, script.name, server, str(TARGET), str(DRAFT), str(SERVER)], text=True, capture_output=True,
            check=True).stdout
    return output.split("\0")


def refusal(*arguments, environment=None):
    done = subprocess.run([SERVER, *arguments], text=True, capture_output=True, env=environment, check=False,
                          timeout=READY_SECONDS)
    return done.returncode, done.stderr.strip().splitlines()[-1]


class Running:
    """A server that is ready inside `with`."""

    def __init__(self, description):
        self.port = free_port()
        self.log = open(os.devnull, "wb")
        argv = engine_argv(description, self.port)
        self.process = subprocess.Popen(argv, stdout=self.log, stderr=self.log)

    def __enter__(self):
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.ask("GET", "/health")[0] == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.05)
        self.__exit__()
        raise AssertionError(f"the server did not become ready (status {self.process.returncode})")

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, json.dumps(body) if body else None, {"Connection": "close"})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text

    def stream(self, prompt, **extra):
        body = {"model": "tiny", "messages": [{"role": "user", "content": prompt}], "stream": True,
                "temperature": 0, "max_tokens": 32, "ignore_eos": True, "cache_prompt": False,
                "timings_per_token": True, "stream_options": {"include_usage": True}, **extra}
        status, text = self.ask("POST", "/v1/chat/completions", body)
        assert status == 200, text
        events = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
        assert events.pop() == "[DONE]"
        return [json.loads(event) for event in events]

    def counters(self):
        prefix = "llamacpp:spec_decode_num_"
        lines = [line for line in self.ask("GET", "/metrics")[1].splitlines() if line.startswith(prefix)]
        pairs = [line.removeprefix(prefix).rsplit(" ", 1) for line in lines]
        return {name: float(value) for name, value in pairs}

    def written(self):
        name = "llamacpp:tokens_predicted_total "
        lines = self.ask("GET", "/metrics")[1].splitlines()
        return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))


class CommandLine(unittest.TestCase):
    def test_refuses_flags_that_llama_server_does_not_have(self):
        for flag in ("--draft-max", "--spec-draft-n", "--nonsense"):
            status, line = refusal("-m", TARGET, flag, "3")
            self.assertEqual(2, status)
            self.assertIn(f"unrecognized arguments: {flag} 3", line)

    def test_refuses_a_draft_type_without_a_draft_model(self):
        self.assertEqual(2, refusal("-m", TARGET, "--spec-type", "draft-simple")[0])
        self.assertEqual(2, refusal("-m", TARGET, "-md", DRAFT)[0])

    def test_names_the_missing_model(self):
        self.assertEqual((1, "llama-server: error: no such model file: /nowhere.gguf"),
                         refusal("-m", "/nowhere.gguf"))

    def test_says_how_to_get_an_interpreter(self):
        if importlib.util.find_spec("xllamacpp"):
            self.skipTest("this interpreter has xllamacpp")
        environment = {"PATH": os.environ["PATH"], "SPECBENCH_LLAMA_PYTHON": "/nowhere/python"}
        status, line = refusal("-m", TARGET, environment=environment)
        self.assertEqual(1, status)
        self.assertIn("no Python with xllamacpp at /nowhere/python", line)


class Serving(unittest.TestCase):
    def test_drafts_count_and_sigterm_ends_it(self):
        with Running('method = "draft", k = 3') as server:
            for prompt in PROMPTS:
                events = server.stream(prompt)
                counted = [e["timings"]["predicted_n"] for e in events if e["choices"] and "timings" in e]
                self.assertEqual(list(range(1, 33)), counted)
                self.assertEqual(32, events[-1]["usage"]["completion_tokens"])
            drafts = server.counters()
            self.assertGreater(drafts["accepted_tokens_total"] / drafts["draft_tokens_total"], 0.2)
            by_position = [drafts[f'accepted_tokens_per_pos_total{{position="{i}"}}'] for i in range(3)]
            self.assertEqual(drafts["accepted_tokens_total"], sum(by_position))
            self.assertNotIn('accepted_tokens_per_pos_total{position="3"}', drafts)
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(0, server.process.wait(timeout=10))

    def test_counts_the_tokens_that_usages_tell(self):
        with Running('method = "draft", k = 3') as server:
            usages = [server.stream(PROMPTS[0])[-1]["usage"], server.stream(PROMPTS[1], stop=["the"])[-1]["usage"],
                      server.stream(PROMPTS[2], ignore_eos=False, max_tokens=400)[-1]["usage"]]
            self.assertEqual(sum(usage["completion_tokens"] for usage in usages), server.written())

    def test_lookup_drafts_at_most_k_tokens(self):
        with Running('method = "ngram", k = 2, prompt_lookup_max = 1') as server:
            for prompt in PROMPTS:
                server.stream(prompt, max_tokens=96)
            drafts = server.counters()
            self.assertGreater(drafts["drafts_total"], 0)
            self.assertLessEqual(drafts["draft_tokens_total"], 2 * drafts["drafts_total"])

    def test_nothing_is_drafted_without_a_method(self):
        with Running('method = "none"') as server:
            events = server.stream(PROMPTS[0])
            self.assertNotIn("draft_n", events[-1]["timings"])
            self.assertEqual(0, server.counters()["drafts_total"])

    def test_forced_acceptance_is_obeyed(self):
        with Running('method = "draft", k = 2, acceptance = { 1, 0 }') as server:
            server.stream(PROMPTS[0])
            drafts = server.counters()
            self.assertEqual(drafts["drafts_total"], drafts["accepted_tokens_total"])
            self.assertGreater(drafts["drafts_total"], 8)


if __name__ == "__main__":
    message = refusal("-m", __file__)[1]
    if "no Python with xllamacpp" in message:
        print("SKIP: " + message)
        sys.exit(1 if os.environ.get("CI") else 77)
    unittest.main()
