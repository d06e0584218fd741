--- Prints the API page of the primitives, made from the meta files that editors read.
--
--   specbench scripts/share/api.lua [FOLDER]
--
-- FOLDER holds the meta files' folders; by default bindings/meta beside this checkout.

local fs = require "sb.fs"

local INTRODUCTION = [[
# The primitives

The modules that are part of the `specbench` program itself: `require "sb.NAME"` gives one in any script that
`specbench` runs. `sb/*.lua` describe them in LuaCATS, for editors ([lua-language-server](https://luals.github.io):
add this folder to `workspace.library`), and `specbench/*.lua` the tables that rounds and scripts hand over; nothing
loads them at run time. Scripts about rounds, servers and sweeps use the `specbench.*` modules, which are Lua on top of
these; [the one for pictures](#specbenchplot) is here too.

What goes wrong in operation (a file, a server) gives `nil, message, code`: one line, and a word such as "io",
"timeout", "invalid", "parse" or "state". What is wrong in the script raises an error.

This page is made by `specbench scripts/share/api.lua > bindings/meta/README.md`.
]]

--- A type at the beginning of `text` (it may hold blanks inside fun(...) and <...>), and what follows.
local function split_type(text)
  local depth, i = 0, 1
  while i <= #text do
    local c = text:sub(i, i)
    if c:find("[(<{]") then depth = depth + 1 end
    if c:find("[)>}]") then depth = depth - 1 end
    if c == " " and depth == 0 and not text:sub(i - 1, i - 1):find("[,:]") then break end
    i = i + 1
  end
  return text:sub(1, i - 1), text:sub(i + 1)
end

--- The comment lines before a declaration, as text and tags.
local function read_block(lines)
  local block = { text = {}, tags = {} }
  for _, line in ipairs(lines) do
    local tag, rest = line:match("^%-%-%-@(%w+) ?(.*)$")
    local last = block.tags[#block.tags]
    if tag then
      block.tags[#block.tags + 1] = { tag, rest }
    elseif last then -- goes on from the line before
      last[2] = last[2] .. " " .. line:gsub("^%-%-%-%s*", "")
    else
      block.text[#block.text + 1] = (line:gsub("^%-%-%- ?", ""))
    end
  end
  return block
end

local function find(block, name)
  for _, tag in ipairs(block.tags) do
    if tag[1] == name then return tag[2] end
  end
end

local function sentence(out, block)
  if #block.text > 0 then out[#out + 1] = table.concat(block.text, "\n") .. "\n" end
end

local function item(name, kind, about)
  local line = ("- `%s` `%s`"):format(name, kind)
  return about == "" and line or line .. ": " .. about
end

--- "string? data, string? message" with its types set off.
local function results(text)
  local kind, about = split_type(text)
  about = about:gsub(", (string%?) ", ", `%1` ")
  return (("- returns `%s` %s"):format(kind, about):gsub(" $", ""))
end

local function print_function(out, block, signature)
  out[#out + 1] = ("### `%s`\n"):format(signature)
  sentence(out, block)
  local items = {}
  for _, tag in ipairs(block.tags) do
    if tag[1] == "param" then
      local name, rest = tag[2]:match("^(%S+) (.*)$")
      items[#items + 1] = item(name, split_type(rest))
    elseif tag[1] == "return" then
      items[#items + 1] = results(tag[2])
    end
  end
  if #items > 0 then out[#out + 1] = table.concat(items, "\n") .. "\n" end
end

local function print_class(out, block)
  if not find(block, "field") and #block.text == 0 then return end
  out[#out + 1] = ("### `%s`\n"):format(find(block, "class"))
  sentence(out, block)
  local items = {}
  for _, tag in ipairs(block.tags) do
    if tag[1] == "field" then
      local name, rest = tag[2]:match("^(%S+) (.*)$")
      items[#items + 1] = item(name, split_type(rest))
    end
  end
  if #items > 0 then out[#out + 1] = table.concat(items, "\n") .. "\n" end
end

local function print_value(out, block, name)
  out[#out + 1] = ("### `%s`\n"):format(name)
  sentence(out, block)
  out[#out + 1] = ("A `%s`.\n"):format(find(block, "type"))
end

local function print_module(out, text)
  local pending, class = {}, false
  local function flush()
    local block = read_block(pending)
    pending = {}
    if find(block, "class") then print_class(out, block) end
    return block
  end
  for line in (text .. "\n"):gmatch("(.-)\n") do
    local signature = line:match("^function (.*) end$")
    local value = line:match("^(%w+%.%w+) = nil$")
    if line:find("^%-%-%-@meta") then
      out[#out + 1] = ("## %s\n"):format(line:match("@meta (%S+)"))
    elseif line:find("^%-%-%-") then
      pending[#pending + 1] = line
    elseif signature then
      print_function(out, read_block(pending), signature)
      pending = {}
    elseif value then
      print_value(out, read_block(pending), value)
      pending = {}
    elseif line:find("^local ") and not class then -- the module's own description
      sentence(out, flush())
      class = true
    else
      flush()
    end
  end
end

local folder = ... or (arg[0]:match("^(.*)/[^/]*$") or ".") .. "/../../bindings/meta"
local out = { INTRODUCTION }
for _, name in ipairs(assert(fs.list(folder .. "/sb"))) do
  print_module(out, assert(fs.read(("%s/sb/%s"):format(folder, name))))
end
print_module(out, assert(fs.read(folder .. "/specbench/plot.lua")))
io.write((table.concat(out, "\n"):gsub("\n\n\n+", "\n\n")))
