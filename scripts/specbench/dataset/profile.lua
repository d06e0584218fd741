-- Lengths of prompts: their labels, and the tables and instructions of datasets/profiles.

local fs = require "sb.fs"
local environment = require "sb.environment"
local json = require "specbench.base.json"
local tables = require "specbench.base.tables"

local profile = {}

-- As the reference's files and plots spell lengths, where that is no number of thousands.
local SPELLED = { ["0.125k"] = 125, ["0.25k"] = 256, ["0.5k"] = 512 }

---"0.25k" -> 256, "4k" -> 4000, "256" -> 256
---@param label string|integer
---@return integer? tokens, string? message
function profile.length(label)
  local text = tostring(label)
  local thousands = text:match("^(%d+)k$")
  local tokens = SPELLED[text] or (thousands and thousands * 1000) or math.tointeger(tonumber(text))
  tokens = tokens and math.tointeger(tokens)
  if tokens and tokens > 0 then return tokens end
  return nil, ("'%s' is not a length: say 0.125k, 0.25k, 0.5k, 1k ... or a number of tokens")
    :format(text)
end

local function load(name)
  local path = ("%s/datasets/profiles/%s.json"):format(environment.home, name)
  local text, message = fs.read(path)
  if not text then return nil, message end
  local value, problem = json.decode(text)
  if not value then return nil, path .. ": " .. problem end
  return value
end

---@param name string the profile's file, without .json
---@param subset string the table in it
---@return table? lengths prompt_tokens and sha256 of the file that they were counted in
---@return string? message
function profile.lengths(name, subset)
  local whole, message = load(name)
  if not whole then return nil, message end
  local lengths = whole.tables[subset]
  if not lengths then
    return nil, ("datasets/profiles/%s.json has no table %s"):format(name, subset)
  end
  return lengths
end

---The counts of the very file that the table was made from; nil for any other file.
---@param lengths table of profile.lengths
---@param opened specbench.dataset.opened
---@return integer[]?
function profile.counts(lengths, opened)
  return lengths.sha256 == opened.sha256 and lengths.prompt_tokens or nil
end

---@param name string
---@param subset string
---@param what string whose lengths they are, for people
---@return table source
function profile.source(name, subset, what)
  return {
    kind = "synthetic", profile = name .. "/" .. subset,
    note = "synthetic text with the lengths of " .. what,
  }
end

---@param name string
---@return { text: string, tokens: integer }? instruction, string? message
function profile.instruction(name)
  local all, message = load("instructions")
  if not all then return nil, message end
  if all[name] then return all[name] end
  return nil, ("no instruction '%s'; there are %s"):format(name, table.concat(tables.keys(all), ", "))
end

return profile
