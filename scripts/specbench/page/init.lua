-- The whole report of a results folder as one HTML file that stands for itself: it opens offline, asks nobody for
-- anything, and says without its script all that it says with it.
--
--   local found = study.of(store)
--   fs.write("report.html", page.html(found))
--
-- It may be made again as cells land; `reload` has a browser read the file anew.

local absolute = require "specbench.page.absolute"
local csv = require "specbench.page.csv"
local details = require "specbench.page.details"
local environment = require "sb.environment"
local files = require "specbench.page.files"
local fs = require "sb.fs"
local heatmaps = require "specbench.page.heatmaps"
local html = require "specbench.page.html"
local lines = require "specbench.page.lines"
local loads = require "specbench.page.loads"
local markdown = require "specbench.page.markdown"
local model = require "specbench.page.model"
local palette = require "specbench.page.palette"
local pareto = require "specbench.page.pareto"
local provenance = require "specbench.page.provenance"
local samples = require "specbench.page.samples"
local schedule = require "specbench.page.schedule"
local search = require "specbench.page.search"
local trouble = require "specbench.page.trouble"
local verdict = require "specbench.page.verdict"
local what_if = require "specbench.page.what_if"
local why = require "specbench.page.why"
local words = require "specbench.answer.words"

local el = html.el

local page = {}

---Of how many places a page draws each one: in all sections that have a mark or a row for it (3 kB of page), and on the
---maps, with what a click on them opens (1 kB). Chromium took 10 s to show 31 MB, which 10,000 places come to in all
---sections, and 38 s for the 85 MB of 30,000.
page.most = { each = 10000, maps = 40000 }

-- In the order of reading; one that has nothing to say is left out, and so is one with more places than `most` says.
local SECTIONS = {
  { "searched", "Best k, searched", search.section },
  { "answer", "Does speculation pay?", verdict.section },
  { "maps", "Where", heatmaps.section, most = "maps" },
  { "predicted", "Predicted", heatmaps.predicted },
  { "what-if", "What if drafts were accepted otherwise", what_if.section },
  { "load", "Speed-up against load", lines.section, most = "each" },
  { "loads", "Figures against load", loads.section },
  { "schedule", "Best k by load", schedule.section },
  { "why", "Why", why.section },
  { "acceptance", "Acceptance", why.acceptance },
  { "figures", "Figures", absolute.section, most = "each" },
  { "pareto", "Throughput against latency", pareto.section, most = "each" },
  { "goodput", "Goodput", pareto.goodput },
  { "intervals", "Intervals", lines.forest, most = "each" },
  { "distributions", "Distributions", samples.distributions },
  { "requests", "Single requests", samples.waterfalls },
  { "trouble", "Failures, flags, certificates", trouble.section },
  { "provenance", "Provenance", provenance.section },
}

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- A hash as a content security policy has it: base64 of its bytes.
local function policy_hash(text)
  local bits, out = {}, {}
  for digit in fs.sha256(text):gmatch "%x" do
    local value = tonumber(digit, 16)
    for i = 3, 0, -1 do bits[#bits + 1] = value >> i & 1 end
  end
  for i = 1, #bits, 6 do
    local value = 0
    for k = 0, 5 do value = value << 1 | (bits[i + k] or 0) end
    out[#out + 1] = DIGITS:sub(value + 1, value + 1)
  end
  return ("'sha256-%s='"):format(table.concat(out))
end

-- Nothing is loaded from anywhere, and no script runs but these: whatever a results folder holds.
local function policy(scripts)
  local hashes = {}
  for i, code in ipairs(scripts) do hashes[i] = policy_hash(code) end
  return ("default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; script-src %s")
    :format(table.concat(hashes, " "))
end

local function switches(self)
  local figures, scales = {}, {}
  for i, figure in ipairs(self.figures) do figures[i] = el("option", { value = figure.name }, figure.title) end
  for i, scale in ipairs(palette.scales) do scales[i] = el("option", { value = scale.name }, scale.title) end
  if #figures == 0 then return nil end
  return el("span", { class = "switches", hidden = true }, el("label", nil, "speed-up ",
    el("select", { id = "figure", autocomplete = "off" }, figures)), " ", el("label", nil, "colours ",
    el("select", { id = "palette", autocomplete = "off" }, scales)))
end

local function scripts_of()
  local list, library = {}, files.library()
  local style = files.own "page.css" .. palette.css()
  if library then
    list[1] = library.script
    style = library.style .. "\n" .. style
  end
  list[#list + 1] = files.own "page.js"
  return list, style
end

---A page from its parts.
---@param head { title: string, reload: integer?, figure: string? }
---@param body specbench.page.markup
---@return string
function page.whole(head, body)
  local scripts, style = scripts_of()
  local inner, elements = {}, {}
  for i, code in ipairs(scripts) do elements[i], inner[i] = html.code("script", code) end
  return html.document(el("head", nil, el("meta", { charset = "utf-8" }),
    el("meta", { ["http-equiv"] = "Content-Security-Policy", content = policy(inner) }),
    el("meta", { name = "viewport", content = "width=device-width, initial-scale=1" }),
    head.reload and el("meta", { ["http-equiv"] = "refresh", content = head.reload }) or nil,
    el("title", nil, head.title), (html.code("style", style))),
    el("body", nil, body, elements), { lang = "en", ["data-palette"] = palette.scales[1].name,
      ["data-figure"] = head.figure })
end

local function is_too_long(self, most)
  return most ~= nil and #self.places > page.most[most]
end

-- Which sections are not drawn, and where their figures are.
local function left_out(self)
  local titles = {}
  for _, section in ipairs(SECTIONS) do
    if is_too_long(self, section.most) then titles[#titles + 1] = section[2] end
  end
  if #titles == 0 then return nil end
  return el("p", nil, html.prose(("%d places are more than a browser opens in a page of all sections. Left out: %s. "
    .. "specbench report --csv writes every place's figures, a line each."):format(#self.places,
    table.concat(titles, ", "))))
end

---@param self specbench.page.model
---@param options { reload: integer? }?
---@return string html
local function draw(self, options)
  local links, parts = {}, {}
  for _, section in ipairs(SECTIONS) do
    local body = not is_too_long(self, section.most) and section[3](self) or nil
    if body and body.text ~= "" then
      local title = section[1] == "answer" and #self.figures == 0 and "In short" or section[2]
      links[#links + 1] = el("a", { href = "#" .. section[1] }, title)
      parts[#parts + 1] = el("section", { id = section[1] }, el("h2", nil, title), body)
    end
  end
  local measured = self.answer.measured
  local simulated = words.simulated(measured)
  local header = el("header", nil, el("h1", nil, self.title),
    el("p", { class = "faint" }, words.measured(measured), el("br"), words.with(measured)),
    self.progress and el("p", nil, "Being measured: ", self.progress) or nil,
    simulated and el("div", { class = "banner" }, simulated, ": what a profile says, not what a GPU did")
    or nil, left_out(self))
  local body = html.join(header,
    el("nav", nil, el("div", nil, links, switches(self))), el("main", nil, parts),
    el("footer", nil, el("p", { class = "faint" }, "specbench ", environment.version)),
    el("aside", { id = "details", hidden = true, ["aria-live"] = "polite" }),
    not is_too_long(self, "maps") and details.data(self) or nil)
  return page.whole({ title = self.title, reload = options and options.reload,
    figure = self.figures[1] and self.figures[1].name or "none" }, body)
end

---@param found specbench.study
---@param options { reload: integer?, progress: string?, figure: string?, price: number? }? reload: seconds after
---  which a browser reads the file anew; progress: how far its sweep is; figure: the speed-up that is shown first;
---  price: of a GPU hour
---@return string html
function page.html(found, options)
  return draw(model.of(found, options), options)
end

-- Which files there are, by what asks for them.
local FILES = { html = "report.html", markdown = "report.md", csv = "cells.csv" }
local ORDER = { "html", "markdown", "csv" }

---Writes the files that are wanted beside the results.
---@param found specbench.study
---@param wanted { html: boolean?, markdown: boolean?, csv: boolean?, figure: string?, reload: integer?,
---  progress: string?, price: number? } figure, reload, progress, price: as page.html takes them
---@return string[] paths
function page.write(found, wanted)
  local self, paths = nil, {}
  local makers = { html = draw, markdown = markdown.text, csv = csv.text }
  for _, kind in ipairs(ORDER) do
    if wanted[kind] then
      self = self or model.of(found, wanted)
      local path = found.store:path(FILES[kind])
      assert(fs.write(path, makers[kind](self, wanted)))
      paths[#paths + 1] = path
    end
  end
  return paths
end

return page
