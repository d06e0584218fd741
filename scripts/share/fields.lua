--- Rewrites what is made from the shapes of tables (specbench.base.shape): tables on pages, and types for editors; and
--- the table of specbench's words.
--
--   specbench scripts/share/fields.lua [ROOT]
--
-- ROOT is a checkout, by default this one. On a page of PAGES the lines between
--
--   <!-- fields TITLE: COLUMN... -->
--   <!-- end of fields -->
--
-- become a table of the shape with that title; columns are key, type, default and meaning. Those between
--
--   <!-- words -->
--   <!-- end of words -->
--
-- become the glossary. Prints the files that it changed.

local fs = require "sb.fs"
local environment = require "sb.environment"
local glossary = require "specbench.cli.glossary"

local SHAPES = {
  require("specbench.engine.description").shape,
  (require "specbench.experiment.round_shape"),
  require("specbench.experiment.workload_shape").workload,
  require("specbench.experiment.workload_shape").limits,
  (require "specbench.engine.definition"),
  (require "specbench.cli.definition"),
  require("specbench.cli.definition").own,
  require("specbench.experiment.models").entry,
  require("specbench.dataset").options,
  require("specbench.client").options,
  require("specbench.server").options,
  require("specbench.http").options,
  require("specbench.http").asking,
  require("specbench.export.spec_bench_vllm").shape,
}
local PAGES = { "rounds/README.md", "scripts/specbench/engine/README.md" }
local META = "bindings/meta/specbench/tables.lua"

local INTRODUCTION = [[
---@meta
-- The tables that scripts, rounds and engines' files hand to the library. Made from their shapes by
-- `specbench scripts/share/fields.lua`; nothing loads this file at run time.
]]

local function title_of(shape)
  return (shape.title:gsub(" ", "_"))
end

-- Shapes by title, those within others by the path to them: "round.report.heatmap".
local function by_path(shapes)
  local found = {}
  local function visit(shape, path)
    if shape.fields then
      found[path] = shape
      for _, field in ipairs(shape.fields) do visit(field[2], ("%s.%s"):format(path, field[1])) end
    end
    if shape.of then visit(shape.of, path) end
    for _, one in ipairs(shape.alternatives or {}) do visit(one, path) end
  end
  for _, shape in ipairs(shapes) do visit(shape, title_of(shape)) end
  return found
end

local function spelled(value)
  return ("`%s`"):format(type(value) == "string" and ('"%s"'):format(value) or tostring(value))
end

-- A choice's values are code; words are not.
local function type_of(field)
  local page = field[2].page:gsub('"[^"]*"', "`%0`")
  return field.unit and ("%s, %s"):format(page, field.unit) or page
end

local COLUMNS = {
  key = function(field) return ("`%s`"):format(field[1]) end,
  type = type_of,
  default = function(field)
    if field.needed then return "needed" end
    if field.default ~= nil then return spelled(field.default) end
    return field.otherwise or ""
  end,
  meaning = function(field) return field[3] or "" end,
}

local function fields_table(shape, columns)
  local function row(cells)
    return ("| %s |"):format(table.concat(cells, " | ")):gsub("|  |", "| |")
  end
  local lines = { row(columns), "|" .. ("---|"):rep(#columns) }
  for _, field in ipairs(shape.fields) do
    local cells = {}
    for i, column in ipairs(columns) do cells[i] = COLUMNS[column](field):gsub("|", "\\|") end
    lines[#lines + 1] = row(cells)
  end
  return table.concat(lines, "\n")
end

local function page(text, shapes, name)
  return (text:gsub("(<!%-%- fields ([%w_.]+): ([%w ]+) %-%->\n).-(<!%-%- end of fields %-%->)",
    function(start, path, words, finish)
      local shape = shapes[path]
      if not shape then error(("%s: there is no shape '%s'"):format(name, path), 0) end
      local columns = {}
      for word in words:gmatch "%w+" do
        if not COLUMNS[word] then error(("%s: there is no column '%s'"):format(name, word), 0) end
        columns[#columns + 1] = word
      end
      return start .. fields_table(shape, columns) .. "\n" .. finish
    end))
end

local function with_glossary(text)
  local lines = { "| word | |", "|---|---|" }
  for _, entry in ipairs(glossary) do lines[#lines + 1] = ("| %s | %s |"):format(entry[1], entry[2]) end
  return (text:gsub("(<!%-%- words %-%->\n).-(<!%-%- end of words %-%->)", function(start, finish)
    return start .. table.concat(lines, "\n") .. "\n" .. finish
  end))
end

-- The class of a shape, after those of the shapes in it.
local function add_classes(out, seen, shape)
  for _, one in ipairs(shape.alternatives or {}) do add_classes(out, seen, one) end
  if shape.of then add_classes(out, seen, shape.of) end
  if not shape.fields or seen[shape.class] then return end
  seen[shape.class] = true
  for _, field in ipairs(shape.fields) do add_classes(out, seen, field[2]) end
  local lines = {}
  if shape.doc then lines[1] = "---" .. shape.doc end
  lines[#lines + 1] = "---@class " .. shape.class
  for _, field in ipairs(shape.fields) do
    local name = type(field[1]) == "number" and ("[%d]"):format(field[1]) or field[1]
    local words = {}
    if field[3] then words[1] = field[3]:gsub("%[(.-)%]%(.-%)", "%1") end -- a link is the page's
    if field.unit then words[#words + 1] = "in " .. field.unit end
    if field.default ~= nil then words[#words + 1] = "default " .. spelled(field.default) end
    if field.otherwise then words[#words + 1] = "default: " .. field.otherwise end
    lines[#lines + 1] = (("---@field %s%s %s %s"):format(name, field.needed and "" or "?", field[2].cats,
      table.concat(words, "; ")):gsub(" +$", ""))
  end
  out[#out + 1] = table.concat(lines, "\n") .. "\n"
end

local function meta(shapes)
  local out, seen = { INTRODUCTION }, {}
  for _, shape in ipairs(shapes) do add_classes(out, seen, shape) end
  return table.concat(out, "\n")
end

local function rewrite(path, text)
  if fs.read(path) == text then return end
  assert(fs.mkdir(path:match "^(.*)/"))
  assert(fs.put(path, text))
  print(path)
end

local root = ... or environment.home
local shapes = by_path(SHAPES)
for _, name in ipairs(PAGES) do
  local path = ("%s/%s"):format(root, name)
  rewrite(path, with_glossary(page(assert(fs.read(path)), shapes, name)))
end
rewrite(("%s/%s"):format(root, META), meta(SHAPES))
