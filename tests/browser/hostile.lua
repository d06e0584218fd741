-- A study in which every text that came from elsewhere is hostile: what a page must show as text.
--
--   specbench tests/browser/hostile.lua FOLDER PAGE      writes the page of a results folder made so

local fs = require "sb.fs"
local page = require "specbench.page"
local store = require "specbench.results.store"
local study = require "specbench.analysis.study"

local hostile = {
  texts = {
    "<script>window.pwned = 1</script>", "</script><script>window.pwned = 2</script>", "<!--<script>",
    "</title><img src=x onerror='window.pwned = 3'>", '" onmouseover="window.pwned = 4" x="', "' autofocus onfocus='x",
    "</style><svg onload=window.pwned=5>", "<iframe src=\"javascript:window.pwned=6\">", "]]>--><b>", "&lt;&#60;&amp",
    "javascript:window.pwned=7", "a\0b", "\27[31mred\7", "\u{202e}desrever\u{2066}", "\xff\xfe broken",
    "line\u{2028}end",
    "| --- | `x` <details>", "```\n# head", '=HYPERLINK("http://x")', "{{constructor}}", "${1}", "%s%d%n",
    "http://169.254.169.254/", "\r\nrow\ttab", ("x"):rep(300),
  },
}

-- Fields whose bytes mean something to the program; all others are what somebody else wrote.
local KEPT = {
  id = true, key = true, baseline = true, started = true, date = true, status = true, kind = true, mode = true,
  checksum = true, flag = true, verdict = true, round = true,
}

local function poison(value, name, next_text, seen)
  if type(value) == "string" then return KEPT[name] and value or next_text() end
  if type(value) ~= "table" or seen[value] then return value end
  seen[value] = true
  for key, item in pairs(value) do value[key] = poison(item, key, next_text, seen) end
  return value
end

---A results folder's study with other texts; what joins cells stays.
---@param folder string
---@return specbench.study
function hostile.study(folder)
  local the_store = assert(store.open(folder))
  local found = study.of(the_store)
  local at = 0
  local function next_text()
    at = at % #hostile.texts + 1
    return hostile.texts[at]
  end
  local texts = {}
  -- one text a value, so that the same coordinate stays the same everywhere
  local function same_for(value)
    texts[value] = texts[value] or next_text()
    return texts[value]
  end
  for _, cell in ipairs(found.cells) do
    for axis, value in pairs(cell.coordinates) do
      if type(value) == "string" then cell.coordinates[axis] = same_for(value) end
    end
    local server = cell.identity.server
    server.model.name, server.method = same_for(server.model.name), same_for(server.method)
    for _, part in ipairs { "dataset", "engine", "machine", "certificate", "schedule" } do
      poison(cell[part], part, next_text, { [cell.coordinates] = true })
    end
    cell.engine.name = next_text() .. "sim"
    cell.engine.argv = hostile.texts
    cell.lossy = next_text()
    cell.certificate = { client_ok = false, reasons = { next_text() } }
    cell.groups = { { name = next_text(), acceptance = 0.5 } }
  end
  for _, entry in ipairs(found.entries) do entry.reason = next_text() end
  for _, text in ipairs(hostile.texts) do
    table.insert(found.failed, { cause = text, count = 1 })
    table.insert(found.flagged, { cell = found.cells[1], flag = "stall", reason = text })
    table.insert(the_store.warnings, text)
  end
  found.about.title = table.concat(hostile.texts, " ")
  for _, axis in ipairs(found.about.axes) do
    for i, value in ipairs(axis.values) do axis.values[i] = texts[value] or value end
  end
  return found
end

if arg and arg[2] then assert(fs.write(arg[2], page.html(hostile.study(arg[1])))) end

return hostile
