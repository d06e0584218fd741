#!/usr/bin/env python3
"""Counts the tokens of instructions.json and of each line of sonnet.txt. For developers only.

    python3 make_instructions.py DATASETS qwen.tiktoken

Run it after a text in instructions.json was changed (make_lengths.py says where the vocabulary comes from). The
script fails where an instruction and the content after it would share a token, as then the prompt's tokens are
not the sum of both.
"""
import json
import sys
from pathlib import Path

from make_lengths import HIGHLIGHTS, NEWS, THUC, Counter, read_rows, table, write

FOLDER = Path(__file__).resolve().parent


def contents(data):
    """instruction -> the contents that it is put before"""
    rows = {f"CNN-DailyMail-News/cnn_dailymail_{c}.jsonl": ("content", ["news2highlight"]) for c in NEWS}
    rows |= {f"CNN-DailyMail-HighLights/cnn_dailymail_highlights_{c}.jsonl": ("highlights", ["highlight2news"])
             for c in HIGHLIGHTS}
    styles = ["polish_serious", "polish_app", "polish_social"]
    rows |= {f"THUCNews/thucnews_{c}.jsonl": ("content", styles) for c in THUC}
    rows["Spec-Decode-Merged/cnn_merged.jsonl"] = ("content", ["news2highlight"])
    rows |= {f"spec-bench/spec-bench-{t}.jsonl": ("turns", [t]) for t in ("summarization", "translation")}
    for file, (field, names) in rows.items():
        for row in read_rows(data / file):
            for name in names:
                yield name, row[field] if field != "turns" else row[field][0]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    data, count = Path(sys.argv[1]), Counter(sys.argv[2])
    path = FOLDER / "instructions.json"
    instructions = json.loads(path.read_text(encoding="utf-8"))
    for instruction in instructions.values():
        instruction["tokens"] = count(instruction["text"])
    for name, content in contents(data):
        text, tokens = instructions[name]["text"], instructions[name]["tokens"]
        if count(text + content) != tokens + count(content):
            sys.exit(f"{name}: shares a token with the content that follows: {content[:40]!r}")
    lines = [f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in instructions.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")

    sonnet = data / "sonnet.txt"
    verses = [line + "\n" for line in sonnet.read_text(encoding="utf-8").split("\n") if line]
    write(FOLDER, "sonnet", "Each line with its line end, in file order.",
          {"sonnet": table(sonnet, [count(verse) for verse in verses])})


if __name__ == "__main__":
    main()
