-- Reading data files: one clear line about what is missing or malformed, and where.

local fs = require "sb.fs"
local environment = require "sb.environment"
local json = require "specbench.base.json"

local file = {}

---What is published and where: datasets/manifest.lua.
---@return table
function file.manifest()
  return dofile(environment.home .. "/datasets/manifest.lua")
end

---@class specbench.dataset.opened
---@field path string
---@field text string
---@field sha256 string

---A path that the user wrote, for messages: it starts at the current folder, wherever the round's file is.
---@param path string
---@return string
function file.place(path)
  local here = path:sub(1, 1) ~= "/" and fs.realpath "."
  return here and ("%s (looked at %s/%s; a relative path starts at the current folder)"):format(path, here,
    (path:gsub("^%./", ""))) or path
end

---A file that the user named.
---@param path string
---@return specbench.dataset.opened? opened, string? message
function file.open(path)
  if not fs.stat(path) then return nil, file.place(path) .. ": no such file" end
  local text, message = fs.read(path)
  if not text then return nil, message end
  return { path = path, text = text, sha256 = fs.sha256(text) }
end

---A file of the reference below the folder that --datasets names.
---@param folder string
---@param relative string
---@return specbench.dataset.opened? opened, string? message
function file.published(folder, relative)
  local path = folder:gsub("/+$", "") .. "/" .. relative
  if fs.stat(path) then return file.open(path) end
  local manifest = file.manifest()
  return nil, ("%s: no such file. It is published in %s: get it with `specbench dataset fetch`, "
    .. "name the folder that has %s with --datasets, or leave --datasets out for synthetic text of "
    .. "the same lengths"):format(path, manifest.tree, relative)
end

---@param row any
---@param types table<string, string> field -> type that it must have
---@return string? message
local function check(row, types)
  if type(row) ~= "table" then return "not an object" end
  for name, expected in pairs(types) do
    local found = row[name]
    if found == nil then return ('no field "%s"'):format(name) end
    if type(found) ~= expected then
      return ('field "%s" is a %s, not a %s'):format(name, type(found), expected)
    end
  end
end

---The objects of a JSONL file, one a line; empty lines are passed over.
---@param opened specbench.dataset.opened
---@param types table<string, string> the fields that each row must have, and their types
---@param form string? what each line must be, for those who write them
---@return table[]? rows, string? message with file and line
function file.jsonl(opened, types, form)
  form = form and ": each line must be " .. form or ""
  local rows, number = {}, 0
  for line in opened.text:gmatch("([^\n]*)\n?") do
    number = number + 1
    if line:find("%S") then
      local row, problem = json.decode(line)
      problem = row == nil and ("not JSON: %s"):format(problem or "null") or check(row, types)
      if problem then return nil, ("%s:%d: %s%s"):format(opened.path, number, problem, form) end
      rows[#rows + 1] = row
    end
  end
  if #rows == 0 then return nil, opened.path .. ": no rows" .. form end
  return rows
end

---The objects of a JSONL file of the reference.
---@param folder string
---@param relative string
---@param types table<string, string>
---@return table[]? rows
---@return specbench.dataset.opened|string opened or, without rows, what is wrong
function file.published_rows(folder, relative, types)
  local opened, message = file.published(folder, relative)
  if not opened then return nil, message end
  local rows
  rows, message = file.jsonl(opened, types)
  return rows, rows and opened or message
end

---The objects of a file that is one JSON array.
---@param opened specbench.dataset.opened
---@param types table<string, string>
---@return table[]? rows, string? message
function file.array(opened, types)
  local rows, problem = json.decode(opened.text)
  if not rows then return nil, opened.path .. ": " .. (problem or "null") end
  if type(rows) ~= "table" or #rows == 0 then
    return nil, opened.path .. ": not an array of conversations"
  end
  for i, row in ipairs(rows) do
    problem = check(row, types)
    if problem then return nil, ("%s: element %d: %s"):format(opened.path, i, problem) end
  end
  return rows
end

---@param opened specbench.dataset.opened
---@param rows integer
---@return table
function file.source(opened, rows)
  return { kind = "file", file = opened.path, sha256 = opened.sha256, rows = rows }
end

return file
