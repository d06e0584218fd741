#!/usr/bin/env python3
"""Writes the length tables of this folder. For developers only: users never need it.

    pip install tiktoken
    pip download --no-deps dashscope && unzip dashscope-*.whl dashscope/resources/qwen.tiktoken
    python3 make_lengths.py DATASETS dashscope/resources/qwen.tiktoken [OUTPUT_FOLDER]

DATASETS holds the reference system's data files (README.md names them). The vocabulary is Qwen's own; special
tokens are not recognised and no chat template is applied, so the counts are those of the texts alone. The
counts are checked against the totals that the reference system published, and the script fails where one
differs.
"""
import base64
import hashlib
import json
import random
import sys
from pathlib import Path

import tiktoken

# Qwen2.5's pre-tokenizer (tokenizer.json of the published models)
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
           r"|\s*[\r\n]+|\s+(?!\S)|\s+")
NEWS = ["0.25k", "0.5k", "1k", "2k"]
HIGHLIGHTS = ["0.25k", "0.5k", "1k", "2k", "4k", "8k"]
THUC = ["0.125k", "0.25k", "0.5k", "1k", "2k", "4k"]
SPEC_BENCH = ["conversation", "math-reasoning", "qa", "rag", "summarization", "translation", "all"]
# total_input_tokens of the published rows, and what the reference's one-sentence instruction adds a prompt
SPEC_BENCH_PUBLISHED = {"conversation": (5438, 0), "math-reasoning": (4741, 0), "qa": (921, 0),
                        "rag": (57602, 0), "summarization": (59781, 17), "translation": (3780, 6)}
SHAREGPT_PUBLISHED = 55896
ARRAYS = ("prompt_tokens", "answer_tokens", "rows", "reference_order")
# tokens of the reference's own instruction, which its files' total_prompt_tokens include
CNN_INSTRUCTION = 56


class Counter:
    def __init__(self, vocabulary):
        lines = Path(vocabulary).read_bytes().splitlines()
        ranks = {base64.b64decode(t): int(r) for t, r in (line.split() for line in lines if line)}
        self.encoding = tiktoken.Encoding("qwen2.5", pat_str=PATTERN, mergeable_ranks=ranks,
                                          special_tokens={})

    def __call__(self, text):
        return len(self.encoding.encode(text, disallowed_special=()))


def check(what, found, published):
    if found != published:
        sys.exit(f"{what}: {found} tokens, but {published} were published")


def read_rows(path):
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def table(path, tokens, **more):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"file": path.name, "sha256": digest, "count": len(tokens), "total": sum(tokens), **more,
            "prompt_tokens": tokens}


def wrap(values, width=100):
    lines, line = [], ""
    for value in values:
        item = f"{value},"
        if len(line) + len(item) > width:
            lines.append(line)
            line = ""
        line += item
    return "[\n" + "\n".join([*lines, line.rstrip(",")]) + "]"


def write(folder, dataset, about, tables):
    """JSON with one member a line and arrays of integers wrapped, so that a change shows in a diff."""
    head = {"dataset": dataset, "tokenizer": "Qwen2.5", "about": about}
    parts = []
    for name, members in tables.items():
        body = ",\n".join(f"{json.dumps(k)}: {wrap(v) if k in ARRAYS else json.dumps(v)}"
                          for k, v in members.items())
        parts.append(f"{json.dumps(name)}: {{\n{body}}}")
    text = json.dumps(head)[:-1] + ',\n"tables": {\n' + ",\n".join(parts) + "}}\n"
    json.loads(text)
    (folder / f"{dataset}.json").write_text(text, encoding="utf-8")


def sharegpt(data, count, out):
    path = data / "sharegpt_processed_1024.json"
    rows = json.loads(path.read_text(encoding="utf-8"))
    lengths = [[count(turn["value"]) for turn in row["conversations"][:2]] for row in rows]
    kept = [i for i, (p, a) in enumerate(lengths) if p >= 4 and a >= 4 and p <= 1024 and p + a <= 2048]
    position = {row: i for i, row in enumerate(kept)}
    shuffled = list(range(len(rows)))
    random.Random(12345).shuffle(shuffled)
    order = [position[row] for row in shuffled if row in position]
    check("ShareGPT", sum(lengths[kept[i]][0] for i in order[:512]), SHAREGPT_PUBLISHED)
    write(out, "sharegpt",
          "Rows that pass the reference's filter, in file order; rows: their 0-based numbers in the file; "
          "answer_tokens: the reference answers, which are max_tokens; reference_order: 0-based positions in "
          "these arrays as the reference's shuffle (Python's random, seed 12345) sent them, its cells took the "
          "first 512.",
          {"sharegpt": table(path, [lengths[i][0] for i in kept], file_rows=len(rows), rows=kept,
                             answer_tokens=[lengths[i][1] for i in kept], reference_order=order)})


def spec_bench(data, count, out):
    tables = {}
    for task in SPEC_BENCH:
        path = data / "spec-bench" / f"spec-bench-{task}.jsonl"
        rows = read_rows(path)
        tokens = [count(row["turns"][0]) for row in rows]
        published, instruction = SPEC_BENCH_PUBLISHED.get(task, (0, 0))
        more = {"reference_instruction_tokens": instruction}
        if task == "all":
            more = {"parts": list_parts(rows)}
        else:
            check(f"Spec-Bench {task}", sum(tokens) + instruction * len(tokens), published)
        tables[task] = table(path, tokens, **more)
    write(out, "spec-bench",
          "First turns, in file order, without the reference's instruction (reference_instruction_tokens more "
          "a prompt); parts: of all, how many consecutive prompts of which task.", tables)


def list_parts(rows):
    """The file's tasks in order with their counts; Spec-Bench's conversation task is eight categories."""
    names = {"math_reasoning": "math-reasoning"}
    parts = []
    for row in rows:
        category = row["category"]
        task = names.get(category, category if category in SPEC_BENCH else "conversation")
        if parts and parts[-1][0] == task:
            parts[-1][1] += 1
        else:
            parts.append([task, 1])
    return parts


def cnn_content(path, key, count):
    rows = read_rows(path)
    tokens = [count(row[key]) for row in rows]
    for row, n in zip(rows, tokens):
        check(f"{path.name}, a row", n + CNN_INSTRUCTION, row["total_prompt_tokens"])
    return rows, tokens


def cnn_news(data, count, out):
    folder = data / "CNN-DailyMail-News"
    tables = {}
    for context in NEWS:
        path = folder / f"cnn_dailymail_{context}.jsonl"
        rows, tokens = cnn_content(path, "content", count)
        tables[context] = table(path, tokens)
    for context, stories in (("4k", 2), ("8k", 4)):  # rows and path are the 2k file's
        joined = ["\n\n".join(row["content"] for row in rows[i:i + stories])
                  for i in range(0, len(rows) - stories + 1, stories)]
        tables[context] = table(path, [count(text) for text in joined], joined_stories=stories)
    write(out, "cnn-news",
          "Content alone, in file order. 4k and 8k were never published: joined_stories consecutive stories of "
          "the 2k file each, an empty line between them.", tables)


def cnn_highlights(data, count, out):
    tables = {}
    for context in HIGHLIGHTS:
        path = data / "CNN-DailyMail-HighLights" / f"cnn_dailymail_highlights_{context}.jsonl"
        tables[context] = table(path, cnn_content(path, "highlights", count)[1])
    write(out, "cnn-highlights", "Highlights alone, in file order; the context is the report's length.", tables)


def thucnews(data, count, out):
    tables = {}
    for context in THUC:
        path = data / "THUCNews" / f"thucnews_{context}.jsonl"
        rows = read_rows(path)
        tokens = [count(row["content"]) for row in rows]
        for row, n in zip(rows, tokens):
            check(f"{path.name}, a row", n, row["total_prompt_tokens"])
        tables[context] = table(path, tokens)
    write(out, "thucnews", "Content alone, in file order.", tables)


def cnn_merged(data, count, out):
    path = data / "Spec-Decode-Merged" / "cnn_merged.jsonl"
    rows = read_rows(path)
    write(out, "cnn-merged", "Content alone, in file order: 20 rows each of 0.25k, 0.5k, 1k, 2k, 4k, 8k.",
          {"cnn_merged": table(path, [count(row["content"]) for row in rows])})


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    data, count = Path(sys.argv[1]), Counter(sys.argv[2])
    out = Path(sys.argv[3]) if len(sys.argv) == 4 else Path(__file__).resolve().parent
    for make in (sharegpt, spec_bench, cnn_news, cnn_highlights, thucnews, cnn_merged):
        make(data, count, out)


if __name__ == "__main__":
    main()
