-- The page of faults, made from the tables that are played: specbench tests/faults/page.lua --write

local environment = require "sb.environment"
local fs = require "sb.fs"

local here = environment.home .. "/tests/faults/"

local lines = {}
local function put(format, ...) lines[#lines + 1] = format:format(...) end

-- As a cell of a table: no bars, nothing that would be markup.
local function plain(text)
  return (text:gsub("|", "\\|"):gsub("<", "&lt;"))
end

local function says(expected)
  local list = type(expected.says) == "table" and expected.says or { expected.says }
  local words = {}
  for i, text in ipairs(list) do words[i] = "`" .. plain(text) .. "`" end
  return words
end

local function of_answer(expected)
  local words = { ("**%s**"):format(expected.outcome) }
  local function add(format, value)
    if value ~= nil then words[#words + 1] = format:format(value) end
  end
  add("status %s", expected.http_status)
  if expected.tokens == false then words[#words + 1] = "tokens unknown" end
  add("%s tokens", expected.tokens or nil)
  add("finish reason %s", expected.finish_reason)
  if expected.tokens_disagree then words[#words + 1] = "marked: its counts contradict each other" end
  if expected.resent then words[#words + 1] = "marked: sent twice" end
  table.move(says(expected), 1, #says(expected), #words + 1, words)
  return table.concat(words, ", ")
end

local function of_run(expected)
  local words = { ("exit %d"):format(expected.status) }
  if expected.cells then words[#words + 1] = ("%d cells kept"):format(expected.cells) end
  if (expected.failed or 0) > 0 then words[#words + 1] = ("%d failed"):format(expected.failed) end
  table.move(says(expected), 1, #says(expected), #words + 1, words)
  if expected.times then words[#words + 1] = "every time in its order" end
  if expected.void then words[#words + 1] = "stamps from across a step void" end
  if expected.mend then words[#words + 1] = "the same command then measures the rest" end
  return table.concat(words, ", ")
end

local function rows_of(file, title, intro, what, outcome)
  local rows = dofile(here .. file)
  put("## %s: %d\n\n%s\n\n| | %s | what is then |\n|---|---|---|", title, #rows, intro, what)
  for _, row in ipairs(rows) do
    put("| `%s` | %s | %s |", row.name, plain(row.what), outcome(row.expected))
  end
  put ""
  return #rows
end

put("# Faults: what may go wrong, and what is then\n")
put("Made from the tables that the test plays (`specbench tests/faults/page.lua --write`): each row is done to the "
  .. "real program, and the test fails where anything else comes of it. `answers.lua` are done by `server.py`, a "
  .. "server that sends whatever bytes a row says; `runs.lua` and `results.lua` are commands as a user gives them. "
  .. "Whatever happens, no row ends by a signal that it did not ask for or with a trace of specbench's own, and no "
  .. "process is left.\n")
put([[```sh
ctest --test-dir build/test -R faults.table                              # part of it, quick enough for every day
SPECBENCH_TEST_FAULTS=all ctest --test-dir build/test -R faults.table    # the whole: minutes
```
]])
local at = #lines + 1
local count = rows_of("answers.lua", "Answers",
  "One request; `ok` and what else stands in bold is the outcome of its "
  .. "record. After each of them a good request is answered as ever. A good answer has 3 tokens.",
  "what the server does", of_answer)
count = count + rows_of("runs.lua", "Runs", "A run of two cells, unless the row is another command.", "what is wrong",
  of_run)
count = count + rows_of("results.lua", "Results from elsewhere", "A folder of four cells with one thing wrong in it: "
  .. "`report`, unless the row is another command.", "what is wrong", of_run)
table.insert(lines, at, ("%d rows.\n"):format(count))

local page = table.concat(lines, "\n")
if arg and arg[1] == "--write" then assert(fs.write(here .. "README.md", page)) end
return page
