-- How long it takes until something happens: a trivial round from the shell's point of view, and 512 connections.

local clients = require "specbench.selfcheck.clients"
local clock = require "sb.clock"
local process = require "specbench.selfcheck.process"
local rounds = require "specbench.selfcheck.rounds"
local shell = require "specbench.base.shell"
local simulator = require "specbench.selfcheck.simulator"
local tables = require "specbench.base.tables"

local start = {}

local TIMES = 11
local STREAMS = 512

-- Milliseconds of a command, the shell's own start included (about one).
local function time_of(argv)
  local line = "exec " .. shell.line(argv) .. " >/dev/null 2>&1"
  local begun = clock.now()
  local ok, _, code = os.execute(line)
  local ms = (clock.now() - begun) / 1e6
  if not ok then error(("status %s: %s"):format(code, line), 0) end
  return ms
end

local function median_of(argv_of)
  local times = {}
  for i = 1, TIMES do times[i] = time_of(rounds.argv(argv_of(i))) end
  return tables.median(times)
end

---@return table figures
function start.run()
  local folder <close> = process.scratch()
  local path = folder.path .. "/bench.lua"
  rounds.write(path, { SLOTS = "{ 1 }", COUNT = 1, TOKENS = 1, STREAMS = 1 })
  local sim <close> = simulator.start(folder.path .. "/truth.jsonl", { "--flood" })
  local function one_cell(i, name, ...)
    return { "run", path, "--only", "method=none", "--quiet", "--no-pictures", "--no-text", "--out",
      ("%s/%s-%d"):format(folder.path, name, i), ... }
  end
  local version = median_of(function() return { "--version" } end)
  local up = median_of(function(i) return one_cell(i, "up", "--engine", "external:sim", "--url", sim.url) end)
  local own = median_of(function(i) return one_cell(i, "own", "--speed", "100") end)
  sim:stop()
  local opened = clients.run(clients.own(),
    { server = { "--step-ms", "10" }, streams = STREAMS, requests = STREAMS, tokens = 8 })
  local figures = {
    version_ms = version, round_ms = up, round_with_server_ms = own, connections = STREAMS,
    sending_ms = opened.sending_s * 1e3, arrived_ms = (opened.truth.last_arrival_ns - opened.first_send_ns) / 1e6,
  }
  io.stdout:write(("Start (median of %d): specbench --version %.1f ms; a round of one cell, one request, one token "
    .. "%.1f ms on a server that is up, %.1f ms with a simulator started and ended for it\n"):format(TIMES, version,
      up, own), ("%d connections: %.1f ms from the first send to the last, %.1f ms until the server had read all "
    .. "requests\n"):format(STREAMS, figures.sending_ms, figures.arrived_ms))
  return figures
end

return start
