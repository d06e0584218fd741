-- What a results folder from elsewhere may hold, and what reading it must say. Data only: faults_spec.lua plays it.
--
-- A row: { name, what is wrong, shell that makes it so in results/ ($cell: a cell's folder), command, expected }.

local rows = {}

local REPORT = "report results --no-pictures"

local function add(name, what, harm, expected, line)
  rows[#rows + 1] = { name = name, what = what, harm = harm, command = line or REPORT, expected = expected }
end

local LEFT_OUT = { status = 0, says = { "is left out" } }
local NO_RESULTS = { status = 1, says = { "results" } }

local function of(file)
  return {
    { "absent", "is not there", "rm " .. file },
    { "empty", "is empty", ": >" .. file },
    { "cut", "is cut", ('head -c 100 %s >x && mv x %s'):format(file, file) },
    { "garbage", "is garbage", ('head -c 5000 /dev/urandom >%s'):format(file) },
    { "zeroes", "is all zeroes", ('head -c 5000 /dev/zero >%s'):format(file) },
    { "pipe", "is a pipe", ("rm %s && mkfifo %s"):format(file, file) },
    { "folder", "is a folder", ("rm %s && mkdir %s"):format(file, file) },
    { "device", "is a link to a device", ("ln -sf /dev/zero %s"):format(file) },
    { "loop", "is a link to itself", ("rm %s && ln -s \"$(basename %s)\" %s"):format(file, file, file) },
    { "sparse", "is sparse, with 300 MB", ("truncate -s 300M %s"):format(file) },
  }
end

for _, file in ipairs { "cell.json", "records.bin", "outputs.jsonl.gz" } do
  for _, harm in ipairs(of("$cell/" .. file)) do
    add(file:match "%w+" .. "-" .. harm[1], file .. " " .. harm[2], harm[3], LEFT_OUT)
  end
end
for _, harm in ipairs(of "results/round.json") do
  add("round-" .. harm[1], "round.json " .. harm[2], harm[3], NO_RESULTS)
end

-- What a search for the best k left, and what a report says where it cannot be read; a link that leads nowhere is no
-- file.
local FOUND = '{"tolerance": 0.02, "sure": 0.9, "spent": 3.5, "ended": "answered", "cells": 4, "measured": 4, '
  .. '"refused": {}, "answers": [{"method": "draft", "work": "qa", "concurrency": 2, "k": 3, "best": {"k": 3}, '
  .. '"pays": true, "ratio": 1.5, "measured": true, "sure": 0.95, "answered": true}]%s}'

local function searched(harm, seal)
  return ("echo '%s' >results/search.json && %s"):format(FOUND:format(seal or ""), harm)
end

for _, harm in ipairs(of "results/search.json") do
  local is_there = harm[1] ~= "absent" and harm[1] ~= "loop"
  add("search-" .. harm[1], "search.json " .. harm[2], searched(harm[3]), { status = 0,
    says = is_there and { "search.json" } or nil })
end
add("search-edited", "search.json is not what its checksum is of", searched(":", ', "checksum": "00"'), { status = 0,
  says = { "search.json is damaged" } })
for _, field in ipairs { { "concurrency", "1e999" }, { "k", '"three"' }, { "ratio", "{}" }, { "answered", "null" },
  { "spent", "-1" } } do
  local name, wrong = table.unpack(field)
  add("search-" .. name, ("search.json says %s for %s"):format(wrong, name), searched((
    [[sed -i 's/"%s": [^,}]*/"%s": %s/' results/search.json]]):format(name, name, wrong)), { status = 0,
    says = { "search.json", name } })
end

local function edit(from, to, file)
  return ("sed -i 's|%s|%s|' %s"):format(from, to, file or "$cell/cell.json")
end

add("digit", "a digit of a figure was changed", edit('"duration": \\([0-9]*\\).', '"duration": \\19.'), LEFT_OUT)
add("fraction-of-a-processor", "cell.json, which like older ones has no checksum, says 2.5 processors",
  edit('"cpus": [0-9]*', '"cpus": 2.5') .. " && " .. edit(', "checksum": .*', "}"),
  { status = 0, says = { "machine.cpus must be a whole number" } })
add("id", "the cell's id is another's", edit('"id": ".', '"id": "x'), LEFT_OUT)
add("deep", "cell.json has 100,000 nested lists", "{ printf '{\"id\": '; head -c 100000 /dev/zero | tr '\\0' '['; } "
  .. ">$cell/cell.json", LEFT_OUT)
add("list", "cell.json is a list", "echo '[1, 2]' >$cell/cell.json", LEFT_OUT)
add("null", "cell.json is null", "echo null >$cell/cell.json", LEFT_OUT)
add("records-of-another", "the records are another cell's",
  "cp $other/records.bin $cell/records.bin", LEFT_OUT)
add("records-version", "the records are of a version to come", "printf sbrec9 | dd of=$cell/records.bin conv=notrunc "
  .. "2>/dev/null", LEFT_OUT)
add("stray-file", "a file lies among the cells", "echo hello >results/cells/notes.txt", LEFT_OUT)
add("strange-name", "a cell's folder has a line break in its name",
  "mkdir \"results/cells/$(printf 'a\\nb')\"", { status = 0 })
add("empty-cell", "a cell's folder is empty", "rm $cell/*", LEFT_OUT)
add("no-cells", "there is no folder of cells", "rm -r results/cells", { status = 0 })
add("cells-is-a-file", "the folder of cells is a file", "rm -r results/cells && echo x >results/cells",
  { status = 0 })
add("failed-garbage", "what failed cannot be read",
  "mkdir -p results/failed/x-1 && echo x >results/failed/x-1/cell.json",
  { status = 0 })
add("until-damaged", "until.json is no rule", "echo '{\"width\": \"x\"}' >results/until.json", { status = 1,
  says = { "until.json" } })
add("report-is-a-link", "a file of the report is a link that leads out",
  "rm -rf results/flags.jsonl && ln -s ../elsewhere results/flags.jsonl", { status = 1, says = { "is a link" } })

for _, harm in ipairs(of "results/predictions.jsonl") do
  add("predictions-" .. harm[1], "predictions.jsonl " .. harm[2], "echo '{}' >results/predictions.jsonl && " .. harm[3],
    { status = 0 })
end
for _, harm in ipairs(of "results/break_even.jsonl") do
  add("break-even-" .. harm[1], "break_even.jsonl " .. harm[2], "echo '{}' >results/break_even.jsonl && " .. harm[3],
    { status = 0 }, "report results --no-pictures --html")
end
for _, way in ipairs { { "pipe", "mkfifo " }, { "device", "ln -sf /dev/zero " } } do
  local kind, make = table.unpack(way)
  add("watch-note-" .. kind, "the note of a sweep that is followed is a " .. kind, make .. "results/live.json",
    { status = 0 }, "watch results --once")
  add("show-records-" .. kind, "the records of a cell that is shown are a " .. kind,
    "rm $cell/records.bin && " .. make .. "$cell/records.bin", { status = 1, says = { "records.bin" } },
    "show $cell")
  add("cleanup-note-" .. kind, "a note of a server that is to be ended is a " .. kind,
    make .. "results/servers/nonsense", { status = 0 }, "cleanup results")
end

local GO_ON = "run grid.lua --models models.lua --speed 200 --no-rerun --no-pictures --out results"
local MEASURED = { status = 0, cells = 4 }
add("run-damaged", "a run finds a damaged cell", ": >$cell/cell.json", { status = 0, cells = 4,
  says = { "moved to" } },
  GO_ON)
add("run-unfinished", "a killed run left half a cell", "cp -r $cell results/unfinished/x", MEASURED, GO_ON)
add("run-no-round", "round.json is lost", "rm results/round.json", MEASURED, GO_ON)
add("run-round-damaged", "round.json is damaged", "echo x >results/round.json", MEASURED, GO_ON)
add("run-notes-garbage", "the notes of servers are garbage", "echo x >results/servers/nonsense", MEASURED, GO_ON)
add("run-lock-is-a-pipe", "the lock is a pipe", "rm -f results/lock && mkfifo results/lock", MEASURED, GO_ON)
add("run-fresh-rule-is-a-pipe", "what is moved aside for a fresh run has a pipe in the place of its rule",
  "mkfifo results/until.json", MEASURED, GO_ON .. " --fresh")
add("run-lock-is-a-folder", "the lock is a folder", "rm -f results/lock && mkdir results/lock", { status = 1,
  says = { "results/lock" } }, GO_ON)
add("run-other-round", "the folder holds another round's cells", edit('"round": "grid"', '"round": "other"',
  "results/round.json"), { status = 0 }, GO_ON)

-- The same round with a baseline, without which there is nothing to search for.
local SEARCH = GO_ON:gsub("grid%.lua", "searched.lua") .. " --find k=5%"
local function search(harm)
  return "sed 's/name = /baseline = { method = \"none\" }, &/' grid.lua >searched.lua && " .. harm
end
local ASIDE = { status = 0, cells = 4, says = { "search.json is moved to results/damaged/search.json-1" } }
add("run-search-damaged", "a search finds what an earlier one left damaged", search "echo x >results/search.json",
  ASIDE, SEARCH)
add("run-search-is-a-pipe", "a search finds a pipe in the place of what an earlier one left",
  search "mkfifo results/search.json", ASIDE, SEARCH)
add("run-search-is-a-folder", "a search finds a folder there", search "mkdir results/search.json", ASIDE, SEARCH)
add("run-search-forgotten", "a run of the whole grid finds what a search left damaged",
  "echo x >results/search.json", MEASURED, GO_ON)

add("compare-nowhere", "compared with a folder that is not there", "", { status = 1, says = { "nowhere" } },
  "compare results nowhere")
add("compare-garbage", "compared with a file of garbage", "head -c 5000 /dev/urandom >x.json", { status = 1,
  says = { "x.json" } }, "compare results x.json")
add("compare-deep", "compared with JSON of 100,000 nested lists", "head -c 100000 /dev/zero | tr '\\0' '[' >x.json",
  { status = 1, says = { "x.json" } }, "compare results x.json")
add("compare-empty", "compared with an empty file", ": >x.json", { status = 1, says = { "x.json" } },
  "compare results x.json")
add("compare-published", "compared with tables of spec-bench-vllm of which a row has a text for a figure",
  [[mkdir -p x.d/vanilla/Task_qa && echo '{"date": "d", "model_id": "m", "task": "qa", "subtask": "qa", ]]
  .. [["NUM_SPEC_TOKENS": -1, "num_prompts": 8, "max_concurrency": 1, "duration": "long", "total_input_tokens": 9, ]]
  .. [["total_output_tokens": 9}' >x.d/vanilla/Task_qa/Table_x.jsonl]], { status = 1,
  says = { "Table_x.jsonl: line 1 says for \"duration\" what is no number" } }, "compare results x.d")
add("show-nothing", "a cell is shown that is not there", "", { status = 1 }, "show results/cells/none")
add("show-damaged", "a cell is shown whose records are cut",
  "head -c 50 $cell/records.bin >x && mv x $cell/records.bin",
  { status = 1, says = { "records.bin" } }, "show $cell")
add("convert-sparse", "a pickle of 8 GB is converted", "truncate -s 8G x.pt", { status = 1, says = { "x.pt" } },
  "convert medusa x.pt y.safetensors")
add("convert-garbage", "garbage is converted", "head -c 5000 /dev/urandom >x.pt", { status = 1, says = { "x.pt" } },
  "convert medusa x.pt y.safetensors")

return rows
