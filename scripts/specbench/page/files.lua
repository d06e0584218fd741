-- What a page is made of beside data: its style and its script, and a library for charts that zoom, where the machine
-- has it.

local environment = require "sb.environment"
local fs = require "sb.fs"

local files = {}

-- Where Debian's and Ubuntu's libjs-dygraphs puts it; a release has it beside our own files.
local PACKAGED = "/usr/share/javascript/dygraphs"

local function folder()
  return environment.home .. "/scripts/specbench/page"
end

---@param name string
---@return string
function files.own(name)
  return assert(fs.read(("%s/%s"):format(folder(), name)))
end

---@return { script: string, style: string }? library nil where the machine has none
function files.library()
  for _, place in ipairs { folder() .. "/dygraphs", PACKAGED } do
    local script, style = fs.read(place .. "/dygraph.min.js"), fs.read(place .. "/dygraph.min.css")
    if script and style then return { script = script, style = style } end
  end
end

return files
