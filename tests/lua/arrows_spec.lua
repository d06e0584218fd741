-- The folders of scripts/specbench need each other one way only. Arrows are read from the `require` lines; the files
-- at the root are the public face, which may use everything and which anything may use, and count as no folder.

local environment = require "sb.environment"
local fs = require "sb.fs"
local tables = require "specbench.base.tables"

local ROOT = environment.home .. "/scripts/specbench"

-- Every Lua file below a folder, by its path from there.
local function each_file(root, folder, visit)
  for _, name in ipairs(assert(fs.list(root .. folder))) do
    local path = folder .. "/" .. name
    if fs.stat(root .. path).type == "folder" then
      each_file(root, path, visit)
    elseif name:find "%.lua$" then
      visit(path:sub(2), assert(fs.read(root .. path)))
    end
  end
end

-- Adds the arrows of one file: arrows[from][to] = the file, for folders only. `is_folder` tells a folder's name from
-- that of a file at the root.
local function add_arrows(arrows, path, text, is_folder)
  local from = path:match "^([^/]+)/"
  if not from then return end
  arrows[from] = arrows[from] or {}
  for name in text:gmatch "require%s*%(?%s*[\"']specbench%.([%w_]+)" do
    if name ~= from and is_folder(name) then arrows[from][name] = arrows[from][name] or path end
  end
end

-- One circle as "a -> b (a/file.lua) -> a (b/file.lua)"; nil where there is none.
local function circle(arrows)
  local done, way = {}, {}
  local function walk(folder)
    for i, passed in ipairs(way) do
      if passed == folder then
        local words = { folder }
        for k = i, #way do
          local to = way[k + 1] or folder
          words[#words + 1] = ("%s (%s)"):format(to, arrows[way[k]][to])
        end
        return table.concat(words, " -> ")
      end
    end
    if done[folder] then return nil end
    way[#way + 1] = folder
    for _, to in ipairs(tables.keys(arrows[folder] or {})) do
      local found = walk(to)
      if found then return found end
    end
    way[#way], done[folder] = nil, true
  end
  for _, folder in ipairs(tables.keys(arrows)) do
    local found = walk(folder)
    if found then return found end
  end
end

local function arrows_of(files)
  local arrows, folders = {}, {}
  for path in pairs(files) do folders[path:match "^([^/]+)/" or ""] = true end
  for _, path in ipairs(tables.keys(files)) do
    add_arrows(arrows, path, files[path], function(name) return folders[name] end)
  end
  return arrows
end

describe("the folders of the library", function()
  it("need each other one way only", function()
    local files = {}
    each_file(ROOT, "", function(path, text) files[path] = text end)
    local arrows = arrows_of(files)
    assert.truthy(arrows.sweep.experiment, "the require lines are not read any more")
    assert.is_nil(circle(arrows))
    assert.same({}, arrows.base, "base/ stands on nothing")
  end)
end)

describe("the check of arrows", function()
  it("names a circle and the files that close it", function()
    local arrows = arrows_of {
      ["a/one.lua"] = 'local b = require "specbench.b.two"',
      ["b/two.lua"] = "local c = require('specbench.c')",
      ["c/init.lua"] = 'local rest = require("specbench." .. name)\nreturn require "specbench.a.one".value',
      ["d/x.lua"] = 'require "specbench.a.one"',
    }
    assert.equal("a -> b (a/one.lua) -> c (b/two.lua) -> a (c/init.lua)", circle(arrows))
  end)

  it("takes a folder's own files and those at the root for no arrow", function()
    local arrows = arrows_of {
      ["a/one.lua"] = 'require "specbench.a.two"\nrequire "specbench.http"\nrequire "specbench"',
      ["http.lua"] = 'require "specbench.a.one"',
    }
    assert.same({ a = {} }, arrows)
    assert.is_nil(circle(arrows))
  end)
end)
