-- A server under a profiler: a command put before the server's own, or the server's own profiler, told over HTTP when
-- to begin and end; and the files that either leaves.

local fs = require "sb.fs"
local http = require "specbench.http"
local version = require "specbench.base.version"

local profiler = {
  OWN = "server", -- the server's own profiler
}

local STOP_SECONDS = 900 -- a trace is written before the server answers

-- The options that the reference's third round ran nsys with; sampling begins once a 14B model is loaded.
local KNOWN = {
  nsys = {
    "nsys", "profile", "--gpu-metrics-device={gpus}", "--trace=cuda,nvtx", "--cuda-graph-trace=graph",
    "--cuda-memory-usage=true", "--delay=200", "--output={output}",
  },
}

---The command that a profiler's name stands for, or the words of any other one.
---@param name string|string[]|nil "nsys", a command such as "perf record -o {output}", or its words
---@return string[] words with {output} and, where it wants them, {gpus} unfilled; none for the server's own profiler
function profiler.words(name)
  if not name or name == profiler.OWN then return {} end
  if type(name) == "table" then return name end
  if KNOWN[name] then return KNOWN[name] end
  local words = {}
  for word in name:gmatch "%S+" do words[#words + 1] = word end
  return words
end

---@param prefix string|string[]|nil a name, or a command's words; nil, or the server's own: nothing is put before it
---@param argv string[]
---@param gpus integer[]? none: all of them
---@return string[] argv behind the profiler's
function profiler.wrap(prefix, argv, gpus)
  if #argv == 0 then return argv end
  local words = {}
  for i, word in ipairs(profiler.words(prefix)) do
    words[i] = word:gsub("{gpus}", gpus and #gpus > 0 and table.concat(gpus, ",") or "all")
  end
  return table.move(argv, 1, #argv, #words + 1, words)
end

---Adds what a server needs so that its own profiler can be asked for.
---@param server table description, with the engine's version where it is known
---@param engine specbench.engine
---@param command specbench.engine.command changed in place
function profiler.prepare(server, engine, command)
  if server.profile ~= profiler.OWN then return end
  local own, older = engine.profiler, engine.profiler.older
  if older and version.before(server.engine_version, older.before) then own = older end
  for _, word in ipairs(own.args or {}) do table.insert(command.argv, word) end
  for name, value in pairs(own.env or {}) do command.env[name] = value end
end

local function tell(job, server, what, timeout)
  if job.server.profile ~= profiler.OWN then return nil end
  local path = job.engine.profiler[what]
  local response, message = http.request { url = server.url .. path, method = "POST", body = "", timeout = timeout,
    authorized = true }
  if response and response.status == 200 then return nil end
  return ("%s: %s"):format(path, message or ("HTTP status %d"):format(response.status))
end

---Has the server's own profiler begin, where that is asked for.
---@param job specbench.job
---@param server specbench.server
---@return string? trouble
function profiler.begin(job, server)
  return tell(job, server, "start", 60)
end

---@param job specbench.job
---@param server specbench.server
---@return string? trouble
function profiler.finish(job, server)
  return tell(job, server, "stop", STOP_SECONDS)
end

---@param folder string
---@param relative string of it
---@return string[] files in it and below, from `folder` on
function profiler.files(folder, relative)
  local list = {}
  for _, name in ipairs(fs.list(folder .. "/" .. relative) or {}) do
    local path = relative .. "/" .. name
    if fs.stat(folder .. "/" .. path).type == "folder" then
      local below = profiler.files(folder, path)
      table.move(below, 1, #below, #list + 1, list)
    else
      list[#list + 1] = path
    end
  end
  return list
end

return profiler
