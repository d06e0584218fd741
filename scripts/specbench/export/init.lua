-- Foreign formats: what other tools read beside our own files. A round names one, and says of each cell what that
-- format wants to know and nobody else does:
--
--   export = { "spec-bench-vllm", function(c) return { method = "7B", ... } end }
--
-- What the function gives is kept in the cell, so that a report needs no round. A format is a file of this folder.

local unknown = require "specbench.base.unknown"

local export = {}

local formats = { ["spec-bench-vllm"] = "specbench.export.spec_bench_vllm" }

---@class specbench.export
---@field name string
---@field figure string the speed-up whose maxima it wants
---@field check fun(description: any) raises where it is not what the format needs
---@field spelling fun(description: table, axis: string): string? how its readers spell the cell's value of an axis,
---  where they do not spell it as the round does
---@field apart fun(description: table, what: string): table the description of a cell that differs from another one in
---  `what`, which its round does not know
---@field write fun(store: specbench.store, cells: table[], maxima: specbench.maximum[], of: fun(cell: table): table?):
---  string? what was written and where, for the report's last line

---@param name string? nil: none
---@return specbench.export? format
---@return string? message
function export.load(name)
  if name == nil then return nil end
  if formats[name] then return (require(formats[name])) end
  local names = {}
  for known in pairs(formats) do names[#names + 1] = known end
  return nil, unknown.message("format", name, names)
end

-- Cells and rounds of before there were formats speak of one: "the reference's".
local BEFORE = "spec-bench-vllm"

---What a cell's round said of it to a format.
---@param cell table
---@param name string of the format
---@return table? description
function export.of(cell, name)
  if cell.export then return cell.export[name] end
  return name == BEFORE and cell.reference or nil
end

---The format that cells were described to.
---@param cells table[]
---@return specbench.export? format nil where there is none
function export.used(cells)
  for _, cell in ipairs(cells) do
    local name = cell.reference and BEFORE or nil
    if cell.export then name = next(cell.export) end
    if name then return (export.load(name)) end
  end
end

---How the format's readers spell a cell's value on an axis.
---@param cell table
---@param axis string
---@return string? nil where they spell it as the round does
function export.spelling(cell, axis)
  local format = export.used { cell }
  return format and format.spelling(export.of(cell, format.name), axis)
end

---A round of before there were formats, in today's words.
---@param spec table a round as its author wrote it
---@return table spec
function export.renamed(spec)
  if spec.reference == nil then return spec end
  local copy = {}
  for name, value in pairs(spec) do copy[name] = value end
  copy.reference = nil
  copy.export = copy.export or { BEFORE, spec.reference }
  if type(copy.report) == "table" then
    local drawn = {}
    for name, value in pairs(copy.report) do drawn[name] = value end
    drawn.maximum_keys = nil -- the format knows which keys a maximum has
    copy.report = drawn
  end
  return copy
end

return export
