-- Writes HTML and SVG. Text enters through `el` and `text` alone, which escape it: prompts, names of models and errors
-- of servers are data, whatever they hold. Only markup that was made here counts as markup.
--
--   html.el("td", { class = "n" }, "1.31 < 2")       <td class="n">1.31 &lt; 2</td>
--   html.el("p", nil, { "a list ", html.el("b", nil, "of parts") })

local foreign = require "specbench.base.foreign"
local json = require "specbench.base.json"

local html = {}

---@class specbench.page.markup
---@field text string
local Markup = {}
Markup.__index = Markup

local function markup(text)
  return setmetatable({ text = text }, Markup)
end

local VOID = {
  br = true, input = true, meta = true, hr = true, link = true,
  line = true, rect = true, path = true, circle = true, polyline = true, -- shapes, where they hold nothing
}

local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;", ["`"] = "&#96;" }

-- Letters that turn the direction of writing or stand for nothing, beyond those that foreign.printable knows.
local function visible(text)
  if not text:find "[^\t\n\32-\126]" then return text end
  text = foreign.printable(text)
  return (text:gsub("\xE2\x80[\x8B-\x8F\xA8\xA9]", "?"):gsub("\xD8\x9C", "?"):gsub("\xEF\xBB\xBF", "?")
    :gsub("\xEF\xBF[\xBE\xBF]", "?"))
end

---@param text any
---@return string escaped for an element's content and for an attribute in double quotes
function html.escape(text)
  return (visible(tostring(text)):gsub("[&<>\"'`]", ESCAPES))
end

local escape = html.escape

-- Attributes in the order of their names, so that a page is the same byte for byte whenever it is written.
local function attributes(list)
  if not list then return "" end
  local names, words = {}, {}
  for name in pairs(list) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = list[name]
    -- what runs or leads away is never an attribute: clicks are found by the page's own script
    assert(name:find "^[%a][%w-]*$" and not name:find "^on" and name ~= "style" and name ~= "src", name)
    assert(name ~= "href" or tostring(value):find "^#[%w-]+$", "links lead into the page only")
    if value == true then
      words[#words + 1] = " " .. name
    elseif value ~= false then
      words[#words + 1] = (' %s="%s"'):format(name, escape(value))
    end
  end
  return table.concat(words)
end

local function add(parts, child)
  if child == nil then return end
  if getmetatable(child) == Markup then
    parts[#parts + 1] = child.text
  elseif type(child) == "table" then
    for i = 1, #child do add(parts, child[i]) end
  else
    parts[#parts + 1] = escape(child)
  end
end

---@param name string of the element
---@param list table<string, string|number|boolean>? attributes; false: left out
---@param ... any children: markup, lists of children, or text
---@return specbench.page.markup
function html.el(name, list, ...)
  assert(name:find "^[%a][%w-]*$", name)
  local parts = { "<" .. name .. attributes(list) .. ">" }
  for i = 1, select("#", ...) do add(parts, (select(i, ...))) end
  if VOID[name] and #parts == 1 then
    parts[1] = parts[1]:sub(1, -2) .. "/>"
    return markup(parts[1])
  end
  parts[#parts + 1] = "</" .. name .. ">"
  return markup(table.concat(parts))
end

-- A command line's options, none of which a narrow window may break at its hyphens.
local OPTION = "()%f[-%w]%-%-%a[%w-]*()"

---Text in which options are to be read.
---@param text string
---@return specbench.page.markup
function html.prose(text)
  local parts, from = {}, 1
  for first, behind in text:gmatch(OPTION) do
    add(parts, text:sub(from, first - 1))
    add(parts, html.el("span", { class = "option" }, text:sub(first, behind - 1)))
    from = behind
  end
  add(parts, text:sub(from))
  return markup(table.concat(parts))
end

---Children without an element around them.
---@param ... any
---@return specbench.page.markup
function html.join(...)
  local parts = {}
  for i = 1, select("#", ...) do add(parts, (select(i, ...))) end
  return markup(table.concat(parts))
end

local JSON_ESCAPES = { ["<"] = "\\u003c", [">"] = "\\u003e", ["&"] = "\\u0026", ["'"] = "\\u0027" }

---Data for the page's script, which no HTML parser takes for anything else.
---@param list table<string, string> attributes
---@param value any what JSON can hold
---@param order string[]? of the keys
---@return specbench.page.markup
function html.data(list, value, order)
  local text = foreign.json(visible(json.encode(value, order))):gsub("[<>&']", JSON_ESCAPES)
  return markup(('<script type="application/json"%s>%s</script>'):format(attributes(list), text))
end

-- Code of the page itself or of a library, never made of data. What would end the element is written as JavaScript and
-- CSS allow in a string, a comment and a regular expression alike.
---@param name "script"|"style"
---@param code string
---@return specbench.page.markup element
---@return string inner what a browser takes for its content, for its hash
function html.code(name, code)
  local inner = code:gsub("<(/[sS][cCtT])", "<\\%1"):gsub("<!%-%-", "<\\!--"):gsub("\r\n?", "\n")
  return markup(("<%s>%s</%s>"):format(name, inner, name)), inner
end

---@param head specbench.page.markup
---@param body specbench.page.markup
---@param list table<string, string>? attributes of the root
---@return string the whole page
function html.document(head, body, list)
  return "<!DOCTYPE html>\n" .. html.el("html", list, head, "\n", body).text .. "\n"
end

return html
