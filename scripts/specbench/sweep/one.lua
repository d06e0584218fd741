-- One server that is up under one load, or one after another, measured as cells of a round are: a round of them alone,
-- whose results folder goes away unless it is wanted. `specbench measure` and the loads of `specbench selfcheck` are
-- made of it.

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
---@field prompts fun(load: { concurrency: integer?, rate: number? }): table as data.prompts gives them
---@field concurrency integer[]? each with each of the rates, where both are given
---@field rate number[]? requests a second
---@field arrivals string? of an open loop, and their burstiness, as a round's workload has them
---@field burstiness number?
---@field limits fun(prompt: table): table of an answer, as a round's workload has them
---@field temperature number
---@field body table? fields of every request, which go before these
---@field headers string[]? that every request carries, as results may tell of them
---@field chat boolean
---@field seed integer
---@field salt "auto"|"always"|"never"
---@field slo table?
---@field io_threads integer
---@field out string? where the results folder is kept
---@field quiet boolean?
---@field warmup integer? requests before the load; 1 unless told
---@field request_timeout number? seconds
---@field send_for number? seconds in which requests are sent; nil: all of them
---@field no_text boolean? records go without the answers' texts
---@field clock_scale number? what the server says unless told
---@field around (fun(load: function, id: string): specbench.run, specbench.client.itself)? as specbench.job has it,
---  with the cell's id
---@field ready_timeout number? seconds to wait for a server that is not up; 0 unless told

local function round_of(what, model)
  local axes = {}
  for _, name in ipairs { "rate", "concurrency" } do
    if what[name] then axes[#axes + 1] = { name, what[name] } end
  end
  return round.new {
    name = "measure", title = "One server",
    warmup = what.warmup,
    axes = axes,
    server = function() return { model = model } end,
    workload = function(c)
      return {
        prompts = what.prompts { concurrency = what.concurrency and c.concurrency, rate = what.rate and c.rate },
        temperature = what.temperature, chat = what.chat, arrivals = what.arrivals, burstiness = what.burstiness,
        limits = what.limits,
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

-- What became of each job: its cell, or the attempt at it.
local function cells_of(folder, jobs)
  local cells = {}
  for _, job in ipairs(jobs) do
    for _, path in ipairs { "cells/%s", "failed/%s-1" } do
      local cell = damage.cell(("%s/" .. path):format(folder, job.id))
      if cell then
        cells[#cells + 1] = cell
        break
      end
    end
  end
  return cells
end

---@param what specbench.one
---@return table[]? cells one a load: what cell.json holds; its `status` is "failed" where a request failed
---@return string? message why there is none
function one.measure(what)
  local url = http.root(what.url)
  local engine = what.engine and "external:" .. what.engine or "external"
  local models, message = stranger.await(url, engines.load(engine), what.ready_timeout or 0)
  if not models then return nil, message end
  local model = what.model or models[1] and models[1].id
  if not model then return nil, secrets.url(url) .. "/v1/models names no model: say it with --model NAME" end
  local r = round_of(what, model)
  local options = {
    engine = engine, url = url, seed = what.seed, repeats = 1,
    salt = what.salt, slo = what.slo, io_threads = what.io_threads, quiet = what.quiet, no_rerun = true,
    no_text = what.no_text, send_for = what.send_for, request_timeout = what.request_timeout,
    speed = 1, match = "deployed", lengths = "free", body = what.body or {}, headers = what.headers,
  }
  local the_plan = plan.new(r, options)
  for _, job in ipairs(the_plan.jobs) do
    job.clock_scale = what.clock_scale or servers.clock_scale(url)
    job.around = what.around and function(load) return what.around(load, job.id) end
  end
  local folder <close> = folder_of(what)
  local about = round.about(r)
  about.engine, about.fresh = options.engine, what.out and fs.stat(what.out .. "/round.json") and true or nil
  local the_store <close>, why = store.create(folder.path, about)
  if not the_store then return nil, why end
  if the_store.moved_to then io.stderr:write("Anew: what was there is in ", the_store.moved_to, "\n") end
  sweep.run(the_plan, the_store, options)
  local cells = cells_of(folder.path, the_plan.jobs)
  return #cells > 0 and cells or nil, "nothing was measured"
end

return one
