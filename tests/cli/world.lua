--- A folder of its own for a test, and specbench run in it as a user runs it.
---
---   local world = require("sb.environment").home .. "/tests/cli/world.lua"
---   local w = dofile(world).new()
---   w:write("grid.lua", w.round())
---   local result = w:run "run grid.lua --out results"
---   assert.equal(0, result.status)
---
--- Servers are simulators behind a small program, w.server: it notes its pid in the file `started`
--- and misbehaves as the file `faults` says, so that a fault can go away between two runs of the
--- same round.

local environment = require "sb.environment"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local quoted = require("specbench.base.shell").quoted
local task = require "sb.task"

local PATIENCE_S = 60 -- for what takes a moment; far beyond what a slow machine needs

-- Variables of the caller's that would change what a run does.
local UNSET = "-u SPECBENCH_API_KEY_FILE -u SPECBENCH_MODELS -u SPECBENCH_DATASETS"

-- Every run has this for its key. Its bytes may appear in nothing that is written or shown, nor may a control
-- character in what is shown, but for our own on a terminal.
local CANARY = "sk-canary-7d41c0ffee9b"

local SERVER = [[
#!/bin/sh
echo $$ >> "%s/started"
for word; do
  shift
  case $word in
    --api-key) skip=yes ;;
    *) [ "$skip" ] || set -- "$@" "$word"; skip= ;;
  esac
done
exec "%s" "$@" $(cat "%s/faults" 2>/dev/null)
]]

local ROUND = [[
local bench = require "specbench"
local data = require "specbench.dataset"
return bench.round {
  name = "%s",
  axes = { { "method", { "none", "draft" } }, { "concurrency", { 1, 2 } } },
  chunk_timeout = %g,
  server = function(c)
    local speculates = c.method == "draft"
    return {
      model = "qwen2.5-7b", method = c.method, k = speculates and 3 or nil,
      draft = speculates and "qwen2.5-0.5b" or nil,
    }
  end,
  workload = function(c)
    return {
      prompts = assert(data.prompts { dataset = "random", tokens = 20, count = 4, seed = c.seed }),
      limits = function() return { max_tokens = 8 } end,
    }
  end,
}
]]

local World = {}
World.__index = World

local function lines_of(text)
  local lines = {}
  for line in (text or ""):gmatch "[^\n]+" do lines[#lines + 1] = line end
  return lines
end

-- A process that has ended but that nobody has waited for yet runs no more.
local function is_running(pid)
  local stat = fs.read(("/proc/%d/stat"):format(pid))
  return stat ~= nil and not stat:match "^%d+ %(.*%) [ZX]"
end

---@return table world with fields folder and server, a program; remove it with w:remove()
local function new()
  local folder = os.tmpname()
  os.remove(folder)
  assert(fs.mkdir(folder))
  local self = setmetatable({ folder = folder, server = folder .. "/server" }, World)
  self:write("server", SERVER:format(folder, environment.executable, folder))
  assert(os.execute("chmod +x " .. quoted(self.server)))
  self:models {}
  return self
end

-- Texts of all files below a folder, unpacked.
local function each_text(folder, visit)
  for _, name in ipairs(fs.list(folder) or {}) do
    local path = folder .. "/" .. name
    local found = fs.stat(path)
    if found and found.type == "folder" then
      each_text(path, visit)
    elseif found and found.type == "file" then
      local text = assert(fs.read(path))
      visit(path, name:find "%.gz$" and fs.gunzip(text) or text)
    end
  end
end

World.each_text = each_text

local function check_canary(where, text)
  if text:find(CANARY, 1, true) then error(where .. " shows the key: " .. text, 0) end
end

-- What a run showed, and the key.
local function check_shown(self, status)
  local result = { status = status, out = self:read "stdout", err = self:read "stderr" }
  for name, text in pairs { ["standard output"] = result.out, ["standard error"] = result.err } do
    check_canary(name, text)
    local control = not self.on_terminal and text:find "[\0-\8\11-\31\127]"
    if control then
      error(("%s shows control character %d: %q"):format(name, text:byte(control), text:sub(control - 40, control)), 0)
    end
  end
  return result
end

function World:remove()
  if fs.stat(self.folder .. "/results") then each_text(self.folder .. "/results", check_canary) end
  if self.background then
    self:signal "KILL"
    self:finish()
    self:wait_gone(self:servers())
  end
  fs.remove(self.folder)
end

---@param name string
---@param text string
function World:write(name, text)
  if name:find "/" then assert(fs.mkdir(("%s/%s"):format(self.folder, name:match "^(.*)/"))) end
  assert(fs.write(self.folder .. "/" .. name, text))
end

---@param name string
---@return string|nil text
function World:read(name)
  return (fs.read(self.folder .. "/" .. name))
end

---Rows of a file that has one JSON object a line; none where there is no file.
---@param name string? default "results/speedups.jsonl"
---@return table[]
function World:rows(name)
  local rows = lines_of(self:read(name or "results/speedups.jsonl"))
  for i, line in ipairs(rows) do rows[i] = assert(json.decode(line)) end
  return rows
end

---Text of a round: two servers (method none and draft) with two cells (concurrency 1 and 2) each, a
---warm-up request and four measured ones a cell.
---@param options { name: string?, chunk_timeout: number? }?
function World.round(options)
  options = options or {}
  return ROUND:format(options.name or "grid", options.chunk_timeout or 300)
end

---Writes models.lua: w.server serves, with these fields beside.
---@param fields string Lua text of further fields
function World:models(fields)
  self:write("models.lua", ('return { ["qwen2.5-7b"] = { binary = %q, %s } }\n'):format(self.server,
    type(fields) == "string" and fields or ""))
end

---@param list string[] faults of servers started from now on, see specbench sim --help
function World:faults(list)
  local words = {}
  for i, fault in ipairs(list) do words[i] = "--fault " .. fault end
  self:write("faults", table.concat(words, " ") .. "\n")
end

local function command_line(self, arguments, options)
  local environ = {}
  if not (options.env and options.env.OPENAI_API_KEY) then environ[1] = "OPENAI_API_KEY=" .. CANARY end
  for name, value in pairs(options.env or {}) do environ[#environ + 1] = name .. "=" .. quoted(value) end
  return ("env %s SPECBENCH_HOME=%s %s %s %s"):format(UNSET, quoted(environment.home), table.concat(environ, " "),
    options.program or quoted(environment.executable), arguments), ("cd %s && "):format(quoted(self.folder))
end

---Runs it to its end.
---@param arguments string of a shell's command line
---@param options { env: table<string, string>? }?
---@return { status: integer, out: string, err: string }
function World:run(arguments, options)
  local line, cd = command_line(self, arguments, options or {})
  local _, _, status = os.execute(("%stimeout -k 5 %d %s >stdout 2>stderr </dev/null"):format(cd, PATIENCE_S, line))
  self.on_terminal = false
  return check_shown(self, status)
end

---The same with the round of :round(), on simulators. None of its cells is measured once more: at this speed the
---machine's own pauses would be seconds of a server's.
---@param arguments string
---@param options { env: table<string, string>? }?
function World:run_grid(arguments, options)
  return self:run("run grid.lua --full --models models.lua --speed 200 --no-rerun --no-pictures --start-pause 0.05 "
    .. "--out results " .. arguments, options)
end

---Starts it and goes on.
---@param arguments string
---@param options { env: table<string, string>?, terminal: boolean?, program: string? }? terminal: all it writes
---  goes to one, which the file stdout records; program: another one than specbench
---@return integer pid
function World:start(arguments, options)
  options = options or {}
  self.on_terminal = options.terminal
  fs.remove(self.folder .. "/pid")
  fs.remove(self.folder .. "/status")
  local line, cd = command_line(self, arguments, options)
  line = "echo $$ >pid.part; mv pid.part pid; exec " .. line
  line = options.terminal and ("script -qec %s /dev/null"):format(quoted("sh -c " .. quoted(line)))
    or "sh -c " .. quoted(line)
  os.execute(("%s{ %s >stdout 2>stderr </dev/null; echo $? >status.part; mv status.part status; } &"):format(cd,
    line))
  self:eventually("specbench to start", function() return self:read "pid" end)
  self.background = tonumber(self:read "pid")
  return self.background
end

---Starts stub_server.py, which answers as it is told; once it is up, another call tells it anew.
---@param answers table see there
---@param options { tls: boolean? }? tls: by the files tls.pem and tls.key
---@return string url
function World:stub(answers, options)
  self:write("stub.json", json.encode(answers))
  if not self.stub_url then
    self:start(environment.home .. "/tests/cli/stub_server.py" .. (options and options.tls and " --tls" or ""),
      { program = "python3" })
    self.stub_url = self:eventually("the server's address", function()
      return (self:read "stdout" or ""):match "(https?://%S+)\n"
    end)
  end
  return self.stub_url
end

---@param signal string "INT"
function World:signal(signal)
  assert(os.execute(("kill -%s %d"):format(signal, self.background)))
end

---Waits for the end of what :start began.
---@return { status: integer, out: string, err: string }
function World:finish()
  self:eventually("specbench to end", function() return self:read "status" end)
  self.background = nil
  return check_shown(self, tonumber(self:read "status"))
end

---Asks again and again until the answer is true.
---@param what string
---@param ask fun(): any
---@return any answer
function World:eventually(what, ask)
  for _ = 1, PATIENCE_S * 50 do
    local answer = ask()
    if answer then return answer end
    task.sleep(0.02)
  end
  error(("waited in vain for %s; standard error: %s"):format(what, self:read "stderr" or ""), 2)
end

---@return integer[] pids of all servers started so far
function World:servers()
  local pids = {}
  for i, line in ipairs(lines_of(self:read "started")) do pids[i] = math.tointeger(tonumber(line)) end
  return pids
end

---@param pid integer
---@return integer? parent
function World.parent_of(pid)
  local stat = fs.read(("/proc/%d/stat"):format(pid))
  return stat and math.tointeger(tonumber(stat:match "^%d+ %(.*%) %a (%d+)"))
end

---@param pids integer[]
function World:wait_gone(pids)
  for _, pid in ipairs(pids) do
    self:eventually(("process %d to be gone"):format(pid), function() return not is_running(pid) end)
  end
end

World.is_running = is_running

---Numbers by place, which differ where servers run in real time.
---@param lines string of speedups.jsonl
---@return string[] sorted: coordinates, repeats, and whether there is a `paired`
function World.places(lines)
  local list = {}
  for i, line in ipairs(lines_of(lines)) do
    local row = json.decode(line)
    list[i] = json.encode { row.coordinates, row.repeats, row.speedups.paired ~= nil }
  end
  table.sort(list)
  return list
end

---@param kind "cells"|"failed"
---@param results string? folder, default "results"
---@return table<string, string> cells name of each folder -> text of its cell.json
function World:cells(kind, results)
  local cells, folder = {}, ("%s/%s"):format(results or "results", kind)
  for _, name in ipairs(fs.list(self.folder .. "/" .. folder) or {}) do
    cells[name] = self:read(("%s/%s/cell.json"):format(folder, name))
  end
  return cells
end

---@param kind "cells"|"failed"
---@return integer
function World:count(kind)
  local count = 0
  for _ in pairs(self:cells(kind)) do count = count + 1 end
  return count
end

---What of the measured cells does not depend on when they were measured.
---@return table<string, table> content id -> coordinates, counts, answers
function World:content()
  local list = {}
  for id, text in pairs(self:cells "cells") do
    local cell = json.decode(text)
    list[id] = {
      status = cell.status, key = cell.key, coordinates = cell.coordinates, requests = cell.metrics.requests,
      completed = cell.metrics.completed, tokens = cell.metrics.total_output_tokens,
      answers = fs.gunzip(assert(self:read(("results/cells/%s/outputs.jsonl.gz"):format(id)))),
    }
  end
  return list
end

return { new = new, round = World.round }
