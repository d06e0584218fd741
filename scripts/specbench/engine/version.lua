-- Engines' versions, compared number by number: "0.26.0", "v0.5.6.post2", "1.2.0rc1", llama.cpp's "b11549"; and which
-- one will serve: said by the user, or asked of the program that is to be started. Answers are kept, so that each
-- program is asked once.

local fs = require "sb.fs"
local json = require "specbench.base.json"
local proc = require "sb.proc"

local version = {}

-- What builds from a source tree without tags call themselves; it says nothing of their age.
local NAMELESS = { "^0%.1%.dev", "^0%.0%.0", "^b0%f[%D]" }

---@param text string|nil
---@return integer[]|nil numbers nil where the text tells no version
function version.numbers(text)
  if not text then return nil end
  text = text:match "^%s*v?(b?%d.*)$"
  if not text then return nil end
  for _, pattern in ipairs(NAMELESS) do
    if text:find(pattern) then return nil end
  end
  local numbers = {}
  for digits in text:match("^b?([%d.]+)"):gmatch "%d+" do numbers[#numbers + 1] = math.tointeger(digits) end
  return numbers
end

-- Below, at or above zero as the first version is older, the same or newer. A missing number is zero.
local function order(first, second)
  for i = 1, math.max(#first, #second) do
    local difference = (first[i] or 0) - (second[i] or 0)
    if difference ~= 0 then return difference end
  end
  return 0
end

---Whether a version is older than another. One that is not known counts as the newest.
---@param text string|nil
---@param than string
---@return boolean
function version.before(text, than)
  local numbers = version.numbers(text)
  return numbers ~= nil and order(numbers, version.numbers(than)) < 0
end

---@param first string|nil
---@param second string|nil
---@return boolean|nil same nil where one of them tells no version
function version.same(first, second)
  local one, other = version.numbers(first), version.numbers(second)
  if not (one and other) then return nil end
  return order(one, other) == 0
end

-- A package that is used from its source tree has no metadata.
local ASK = [[
import importlib.metadata as m, importlib.util as u, sys
try:
    print(m.version("%s"))
except m.PackageNotFoundError:
    sys.exit("%s has no metadata" if u.find_spec("%s") else "no module named %s")
]]

---What asks a Python package's metadata, which loads nothing of it.
---@param python string|nil
---@param package string
---@return string[] argv
function version.of_package(python, package)
  return { python or "python3", "-c", (ASK:gsub("%%s", package)) }
end

---Whether what that printed says that there is no such package.
---@param output string
---@return boolean
function version.is_absent(output)
  return output:find "no module named %S+%s*$" ~= nil
end

---The version that is alone on an output's last line: warnings may stand before it.
---@param output string
---@return string|nil
function version.last_line(output)
  local line = output:match "([^\n]+)%s*$"
  return line and line:match "^%s*(%d[%w.+]*)%s*$"
end

local PATIENCE = 120 -- seconds: some programs load their whole engine before they tell

local answers = {}

local function ask(argv, env, read)
  local log = assert(fs.temporary())
  local _ <close> = setmetatable({}, { __close = function() os.remove(log) end })
  local process <close> = assert(proc.start { argv = argv, env = env, log = log })
  if not process:wait(PATIENCE) then return { why = ("%s did not answer in %d s"):format(argv[1], PATIENCE) } end
  local output = fs.read(log) or ""
  local found = read(output)
  if version.numbers(found) then return { version = found } end
  local state, how = process:status()
  local last = output:match "([^\n]+)%s*$"
  local absent = state == "failed" or version.is_absent(output)
  local why = last and ("%s says '%s'"):format(argv[1], last) or ("%s: %s"):format(argv[1], how or state)
  return { why = why, absent = absent }
end

---@param engine specbench.engine
---@param server table resolved description
---@param env table<string, string> what the program is started with
---@param said string|nil what the user says it is
---@return string|nil version nil where it is not known: command lines are then those of the newest
---@return string|nil why it is not known
---@return boolean|nil absent whether that is because it is not there at all
function version.installed(engine, server, env, said)
  local probe = engine.capabilities.spawn and engine.version.probe
  if not probe then return nil end
  if said then return said end
  local argv = probe(server)
  local key = json.encode { argv, env }
  answers[key] = answers[key] or ask(argv, env, engine.version.read)
  return answers[key].version, answers[key].why, answers[key].absent
end

return version
