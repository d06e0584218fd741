-- One load on one server that is up, measured as a cell of a round is: a round of a single cell, whose results folder
-- goes away unless it is wanted. `specbench measure` and the loads of `specbench selfcheck` are made of it.

local damage = require "specbench.results.damage"
local engines = require "specbench.engine"
local fs = require "sb.fs"
local http = require "specbench.http"
local plan = require "specbench.experiment.plan"
local round = require "specbench.experiment.round"
local secrets = require "specbench.base.secrets"
local servers = require "specbench.server"
local store = require "specbench.results.store"
local stranger = require "specbench.sweep.stranger"
local sweep = require "specbench.sweep"

local one = {}

---@class specbench.one
---@field url string
---@field engine string? its dialect, by name or by file; plain OpenAI unless told
---@field model string? the first that it names unless told
---@field prompts table as data.prompts gives them
---@field concurrency integer?
---@field rate number? requests a second
---@field arrivals string? of an open loop, and their burstiness, as a round's workload has them
---@field burstiness number?
---@field max_tokens integer
---@field ignore_eos boolean?
---@field temperature number
---@field body table? fields of every request, which go before these
---@field chat boolean
---@field seed integer
---@field salt "auto"|"always"|"never"
---@field slo table?
---@field io_threads integer
---@field out string? where the results folder is kept
---@field quiet boolean?
---@field warmup integer? requests before the load; 1 unless told
---@field request_timeout number? seconds
---@field no_text boolean? records go without the answers' texts
---@field clock_scale number? what the server says unless told
---@field around specbench.around? see specbench.job

local function round_of(what, model)
  return round.new {
    name = "measure", title = "One server",
    warmup = what.warmup,
    axes = { { what.concurrency and "concurrency" or "rate", { what.concurrency or what.rate } } },
    server = function() return { model = model } end,
    workload = function()
      return {
        prompts = what.prompts, temperature = what.temperature, chat = what.chat, concurrency = what.concurrency,
        rate = what.rate, arrivals = what.arrivals, burstiness = what.burstiness,
        limits = function() return { max_tokens = what.max_tokens, ignore_eos = what.ignore_eos } end,
      }
    end,
  }
end

-- A folder that ends with the block; where it is wanted, nothing ends.
local function folder_of(what)
  local path = what.out or assert(fs.temporary())
  if not what.out then os.remove(path) end
  return setmetatable({ path = path }, { __close = function()
    if not what.out then fs.remove(path) end
  end })
end

-- The one cell, or the last attempt at it.
local function cell_of(folder)
  for _, part in ipairs { "cells", "failed" } do
    for _, name in ipairs(fs.list(("%s/%s"):format(folder, part)) or {}) do
      local cell = damage.cell(("%s/%s/%s"):format(folder, part, name))
      if cell then return cell end
    end
  end
end

---@param what specbench.one
---@return table? cell what cell.json holds; its `status` is "failed" where a request failed
---@return string? message why there is none
function one.measure(what)
  local url = http.root(what.url)
  local engine = what.engine and "external:" .. what.engine or "external"
  local models, message = stranger.reach(url, engines.load(engine))
  if not models then return nil, message end
  local model = what.model or models[1] and models[1].id
  if not model then return nil, secrets.url(url) .. "/v1/models names no model: say it with --model NAME" end
  local r = round_of(what, model)
  local options = {
    engine = engine, url = url, seed = what.seed, repeats = 1,
    salt = what.salt, slo = what.slo, io_threads = what.io_threads, quiet = what.quiet, no_rerun = true,
    no_text = what.no_text, request_timeout = what.request_timeout,
    speed = 1, match = "deployed", lengths = "free", body = what.body or {},
  }
  local the_plan = plan.new(r, options)
  for _, job in ipairs(the_plan.jobs) do
    job.clock_scale, job.around = what.clock_scale or servers.clock_scale(url), what.around
  end
  local folder <close> = folder_of(what)
  local about = round.about(r)
  about.engine, about.fresh = options.engine, what.out and fs.stat(what.out .. "/round.json") and true or nil
  local the_store <close>, why = store.create(folder.path, about)
  if not the_store then return nil, why end
  if the_store.moved_to then io.stderr:write("Anew: what was there is in ", the_store.moved_to, "\n") end
  sweep.run(the_plan, the_store, options)
  return cell_of(folder.path), "nothing was measured"
end

return one
