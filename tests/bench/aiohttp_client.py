#!/usr/bin/env python3
"""A plain aiohttp client for `specbench selfcheck`: one session, one task a stream, json.loads of every event, one
perf_counter an event. What a measuring client costs where it is written in asyncio's usual way.

  aiohttp_client.py --url http://127.0.0.1:PORT --model NAME --concurrency STREAMS --requests N --tokens T --out FILE

FILE gets the figures of `specbench selfcheck client --out`.
"""
import argparse
import asyncio
import json
import sys
import time

import aiohttp

PROMPT = "Tell me a short story about a river and a stone."


class Figures:
    def __init__(self):
        self.ttft, self.itl, self.tpot = [], [], []
        self.completed = self.chunks = 0


async def one_request(session, options, figures):
    body = {"model": options.model, "messages": [{"role": "user", "content": PROMPT}], "temperature": 0,
            "max_tokens": options.tokens, "stream": True, "ignore_eos": True,
            "stream_options": {"include_usage": True}}
    sent = time.perf_counter()
    first = last = None
    tokens = 0
    async with session.post(options.url + "/v1/chat/completions", json=body) as response:
        response.raise_for_status()
        async for line in response.content:
            if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                continue
            now = time.perf_counter()
            event = json.loads(line[6:])
            if event.get("usage"):
                tokens = event["usage"]["completion_tokens"]
            if event.get("choices") and event["choices"][0]["delta"].get("content"):
                figures.chunks += 1
                if first is None:
                    first = now
                    figures.ttft.append(now - sent)
                else:
                    figures.itl.append(now - last)
                last = now
    figures.completed += 1
    if tokens > 1:
        figures.tpot.append((last - first) / (tokens - 1))


async def one_stream(session, options, figures, left):
    while left:
        left.pop()
        try:
            await one_request(session, options, figures)
        except aiohttp.ClientError as error:
            print(f"aiohttp_client: {error!r}", file=sys.stderr)


def percentile(values, share):
    """Linear between order statistics; `values` is sorted."""
    h = (len(values) - 1) * share
    low = int(h)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (h - low)


def latency(seconds):
    seconds.sort()
    return {"p50": percentile(seconds, 0.5) * 1e3, "p99": percentile(seconds, 0.99) * 1e3} if seconds else None


def resident_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024


async def drive(options, figures):
    left = list(range(options.requests))
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        await asyncio.gather(*(one_stream(session, options, figures, left) for _ in range(options.concurrency)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, kind in (("url", str), ("model", str), ("concurrency", int), ("requests", int), ("tokens", int),
                       ("out", str)):
        parser.add_argument("--" + name, type=kind, required=True)
    options = parser.parse_args()
    figures = Figures()
    wall, cpu = time.perf_counter(), time.process_time()
    asyncio.run(drive(options, figures))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    memory = resident_mb()
    result = {"ttft_ms": latency(figures.ttft), "itl_ms": latency(figures.itl), "tpot_ms": latency(figures.tpot),
              "duration_s": wall, "completed": figures.completed, "chunks": figures.chunks,
              "cpu_us_per_chunk": cpu * 1e6 / max(1, figures.chunks), "memory_mb": memory}
    with open(options.out, "w") as file:
        json.dump({name: value for name, value in result.items() if value is not None}, file)
    return 0 if figures.completed == options.requests else 3


if __name__ == "__main__":
    sys.exit(main())
