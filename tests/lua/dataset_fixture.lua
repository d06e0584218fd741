-- What the specs of specbench.dataset share.

local assert = require "luassert"
local fs = require "sb.fs"
local data = require "specbench.dataset"

local fixture = {}

--- A set that must not fail.
function fixture.prompts(options)
  local set, message = data.prompts(options)
  return assert(set, message)
end

--- The one line that a refused request comes back with.
function fixture.mistake(options)
  local set, message = data.prompts(options)
  assert.is_nil(set)
  assert.is_nil(message:find("\n"))
  return message
end

--- The field of each item.
function fixture.list(items, field)
  local values = {}
  for i, item in ipairs(items) do values[i] = item[field] end
  return values
end

--- A folder of its own with the files given, removed afterwards.
function fixture.with_folder(files, use)
  local path = os.tmpname()
  os.remove(path)
  assert(fs.mkdir(path))
  for name, content in pairs(files) do
    local parent = name:match("^(.*)/")
    if parent then assert(fs.mkdir(path .. "/" .. parent)) end
    assert(fs.write(path .. "/" .. name, content))
  end
  local ok, message = pcall(use, path)
  fs.remove(path)
  if not ok then error(message, 0) end
end

return fixture
