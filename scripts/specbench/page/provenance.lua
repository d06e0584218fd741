-- Where numbers come from: machines, engines, prompts, and every server's command line.

local html = require "specbench.page.html"
local json = require "specbench.base.json"
local schedule = require "specbench.page.schedule"

local el = html.el

local provenance = {}

-- Distinct values over the cells, with how many cells have each, in the order of their first.
local function tally(cells, text_of)
  local counts, order = {}, {}
  for _, cell in ipairs(cells) do
    local text = text_of(cell)
    if text and text ~= "" then
      if not counts[text] then order[#order + 1] = text end
      counts[text] = (counts[text] or 0) + 1
    end
  end
  for i, text in ipairs(order) do
    order[i] = counts[text] == #cells and text or ("%s (%d cells)"):format(text, counts[text])
  end
  return order
end

local function joined(...)
  local words = {}
  for i = 1, select("#", ...) do
    local word = select(i, ...)
    if word ~= nil and word ~= "" then words[#words + 1] = tostring(word) end
  end
  return table.concat(words, ", ")
end

local function machine_of(cell)
  local machine = cell.machine
  if not machine then return nil end
  local gpus = {}
  for i, gpu in ipairs(machine.gpus or {}) do
    gpus[i] = joined(gpu.name, gpu.driver and "driver " .. gpu.driver,
      gpu.memory_mib and ("%.0f MiB"):format(gpu.memory_mib))
  end
  return joined(machine.host, table.concat(gpus, "; "), machine.cpu and ("%s x %s"):format(machine.cpus or "?",
    machine.cpu), machine.os, machine.kernel and "Linux " .. machine.kernel)
end

local function engine_of(cell)
  local engine = cell.engine
  return joined(engine.name, engine.version, engine.written_for and "command line for " .. engine.written_for,
    engine.version_trouble, cell.virtual and "in virtual time" or cell.clock_scale and cell.clock_scale ~= 1
    and ("clock x%g"):format(cell.clock_scale) or nil)
end

local function prompts_of(cell)
  local from = cell.dataset or {}
  return joined(from.kind, from.note or from.file, from.sha256 and "sha256 " .. tostring(from.sha256):sub(1, 16))
end

local function program_of(cell)
  local machine = cell.machine or {}
  return machine.specbench and joined("specbench " .. machine.specbench, machine.git_commit
    and "commit " .. tostring(machine.git_commit):sub(1, 12)) or nil
end

local function row(name, values)
  local list = {}
  for i, value in ipairs(values) do list[i] = el("div", nil, value) end
  return #list > 0 and el("tr", nil, el("th", nil, name), el("td", nil, list)) or nil
end

local function server_name(cell)
  local server = cell.identity.server
  return joined(server.model.name, server.method or "none", server.k and "k=" .. tostring(server.k))
end

local function servers(self)
  local list = {}
  for i, server in ipairs(self.servers) do
    local cell = server.cell
    local command = schedule.command(cell.engine.argv) or cell.engine.url or "not known"
    list[i] = el("details", { id = "server-" .. i }, el("summary", nil, ("Server %d: "):format(i), server_name(cell),
      el("span", { class = "faint" }, (" %d places"):format(server.places))),
      el("pre", { class = "copy" }, html.prose(command)),
      el("p", { class = "faint" }, "As the round described it:"), el("pre", nil, json.encode(cell.identity.server)),
      cell.engine.effective and html.join(el("p", { class = "faint" }, "As it says it runs:"),
        el("pre", nil, json.encode(cell.engine.effective))) or nil)
  end
  return list
end

---@param self specbench.page.model
---@return specbench.page.markup?
function provenance.section(self)
  if self.is_empty then return nil end
  local cells, measured = self.found.cells, self.answer.measured
  local when = measured.first and { measured.first == measured.last and measured.first
    or ("%s to %s"):format(measured.first, measured.last) } or {}
  return html.join(el("div", { class = "wide" }, el("table", nil, el("tbody", nil,
    row("measured", when), row("machine", tally(cells, machine_of)), row("engine", tally(cells, engine_of)),
    row("prompts", tally(cells, prompts_of)), row("prefix cache", tally(cells, function(cell)
      return cell.prefix_cache
    end)), row("measured by", tally(cells, program_of)),
    row("results", { self.found.store and self.found.store.folder:match "([^/]+)/*$" })))), servers(self))
end

return provenance
