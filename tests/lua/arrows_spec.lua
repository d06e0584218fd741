-- Folders need each other one way only: those of scripts/specbench by their `require` lines, those of the runtime and
-- bindings/ by their #include lines. The Lua files at the root are the public face, which may use everything and which
-- anything may use, and count as no folder.

local environment = require "sb.environment"
local fs = require "sb.fs"
local tables = require "specbench.base.tables"

local LIBRARY, RUNTIME, BINDINGS = "/scripts/specbench", "/runtime", "/bindings"

-- Texts of all files below a folder whose names end so, by their paths from there, each behind `under`.
local function read_all(root, ending, under)
  local files = {}
  local function read(folder)
    for _, name in ipairs(assert(fs.list(environment.home .. root .. folder))) do
      local path = folder .. "/" .. name
      local place = environment.home .. root .. path
      if fs.stat(place).type == "folder" then
        read(path)
      elseif name:find(ending) then
        files[(under or "") .. path:sub(2)] = assert(fs.read(place))
      end
    end
  end
  read ""
  return files
end

-- Words in backquotes of a page's text, in order.
local function quoted(text)
  local list = {}
  for word in text:gmatch "`([%w_]+)/?`" do list[#list + 1] = word end
  return list
end

local function page(name)
  return assert(fs.read(("%s/%s/README.md"):format(environment.home, name)))
end

local function folder_of(path)
  return path:match "^([^/]+)/"
end

-- Arrows between what the files belong to: arrows[from][to] = the file that draws it. `place(path)` is where a file
-- belongs, nil: nowhere; `needed` iterates over the places that a text needs.
local function arrows_of(files, place, needed)
  local arrows = {}
  for _, path in ipairs(tables.keys(files)) do
    local from = place(path)
    if from then
      arrows[from] = arrows[from] or {}
      for to in needed(files[path]) do
        if to ~= from then arrows[from][to] = arrows[from][to] or path end
      end
    end
  end
  return arrows
end

-- One circle as "a -> b (a/file.lua) -> a (b/file.lua)"; nil where there is none.
local function circle(arrows)
  local done, way = {}, {}
  local function walk(from)
    for i, passed in ipairs(way) do
      if passed == from then
        local words = { from }
        for k = i, #way do
          local to = way[k + 1] or from
          words[#words + 1] = ("%s (%s)"):format(to, arrows[way[k]][to])
        end
        return table.concat(words, " -> ")
      end
    end
    if done[from] then return nil end
    way[#way + 1] = from
    for _, to in ipairs(tables.keys(arrows[from] or {})) do
      local found = walk(to)
      if found then return found end
    end
    way[#way], done[from] = nil, true
  end
  for _, from in ipairs(tables.keys(arrows)) do
    local found = walk(from)
    if found then return found end
  end
end

-- Between folders of Lua files.
local function lua_arrows(files)
  local folders = {}
  for path in pairs(files) do folders[folder_of(path) or ""] = true end
  return arrows_of(files, folder_of, function(text)
    local next_name = text:gmatch "require%s*%(?%s*[\"']specbench%.([%w_]+)"
    return function()
      local name = next_name()
      while name and not folders[name] do name = next_name() end
      return name
    end
  end)
end

-- What a C file includes of ours, as the compiler sees it from the runtime; bindings/ includes its own by name alone.
local function included(text, as)
  local next_name = text:gmatch '#%s*include%s*"([^"]+)%.h"'
  return function()
    local name = next_name()
    return name and as(folder_of(name) and name or "bindings/" .. name)
  end
end

-- Between folders of C files; between headers; and between the .c files, each by the headers of the others.
local function c_arrows(files)
  local function of_ending(ending)
    return arrows_of(files, function(path) return path:match("^(.*)%." .. ending .. "$") end, function(text)
      return included(text, function(name) return name end)
    end)
  end
  return {
    folders = arrows_of(files, folder_of, function(text) return included(text, folder_of) end),
    headers = of_ending "h", sources = of_ending "c",
  }
end

describe("the folders of the library", function()
  it("need each other one way only", function()
    local arrows = lua_arrows(read_all(LIBRARY, "%.lua$"))
    assert.truthy(arrows.sweep.experiment, "the require lines are not read any more")
    assert.is_nil(circle(arrows))
    assert.same({}, arrows.base, "base/ stands on nothing")
  end)

  it("stand in the order that their page gives", function()
    local arrows, level = lua_arrows(read_all(LIBRARY, "%.lua$")), {}
    local order = quoted(page "scripts":match "From the ground up the folders are (.-):")
    for i, name in ipairs(order) do level[name] = i end
    assert.same(tables.keys(arrows), tables.keys(level))
    for from, needed in pairs(arrows) do
      for to, path in pairs(needed) do
        assert.is_true(level[to] < level[from], ("%s stands below %s, which %s needs"):format(from, to, path))
      end
    end
  end)
end)

describe("the folders of the runtime", function()
  it("include each other one way only, as their headers and their .c files do", function()
    local files = tables.merged(read_all(RUNTIME, "%.[ch]$"), read_all(BINDINGS, "%.[ch]$", "bindings/"))
    local arrows = c_arrows(files)
    assert.truthy(arrows.folders.load.net and arrows.headers["load/load"]["net/http"]
      and arrows.sources["bindings/task"]["bindings/wait"], "the #include lines are not read any more")
    for _, what in ipairs { "folders", "headers", "sources" } do assert.is_nil(circle(arrows[what]), what) end
    assert.same({}, arrows.folders.base, "base/ stands on nothing")
    local told = { bindings = true }
    for name, column in page "runtime":gmatch "\n| `(%w+)/` |[^\n]*| ([^|\n]+) |%f[\n]" do
      local said = {}
      for word in column:gmatch "%w+" do said[word] = arrows.folders[word] and true end
      assert.same(tables.keys(said), tables.keys(arrows.folders[name]), "what runtime/README.md says of " .. name)
      told[name] = true
    end
    assert.same(tables.keys(arrows.folders), tables.keys(told))
  end)
end)

describe("the check of arrows", function()
  it("names a circle and the files that close it", function()
    local arrows = lua_arrows {
      ["a/one.lua"] = 'local b = require "specbench.b.two"',
      ["b/two.lua"] = "local c = require('specbench.c')",
      ["c/init.lua"] = 'local rest = require("specbench." .. name)\nreturn require "specbench.a.one".value',
      ["d/x.lua"] = 'require "specbench.a.one"',
    }
    assert.equal("a -> b (a/one.lua) -> c (b/two.lua) -> a (c/init.lua)", circle(arrows))
  end)

  it("takes a folder's own files and those at the root for no arrow", function()
    local arrows = lua_arrows {
      ["a/one.lua"] = 'require "specbench.a.two"\nrequire "specbench.http"\nrequire "specbench"',
      ["http.lua"] = 'require "specbench.a.one"',
    }
    assert.same({ a = {} }, arrows)
    assert.is_nil(circle(arrows))
  end)

  it("names circles of C files: of folders, of headers, of two .c files that need each other", function()
    local arrows = c_arrows {
      ["a/one.h"] = '#include <stdio.h>\n#include "b/two.h"', ["a/one.c"] = '#include "a/one.h"',
      ["b/two.h"] = '#include "b/three.h"', ["b/three.h"] = '# include "a/one.h"',
      ["bindings/task.c"] = '#include "task.h"\n#include "wait.h"',
      ["bindings/wait.c"] = '#include "wait.h"\n#include "task.h"\n#include "b/two.h"',
    }
    assert.equal("a -> b (a/one.h) -> a (b/three.h)", circle(arrows.folders))
    assert.equal("a/one -> b/two (a/one.h) -> b/three (b/two.h) -> a/one (b/three.h)", circle(arrows.headers))
    assert.equal("bindings/task -> bindings/wait (bindings/task.c) -> bindings/task (bindings/wait.c)",
      circle(arrows.sources))
  end)

  it("takes a part that knows its whole's types for no circle", function()
    local arrows = c_arrows {
      ["a/whole.h"] = "", ["a/whole.c"] = '#include "a/whole.h"\n#include "a/part.h"',
      ["a/part.h"] = '#include "a/whole.h"', ["a/part.c"] = '#include "a/part.h"',
    }
    for _, what in ipairs { "folders", "headers", "sources" } do assert.is_nil(circle(arrows[what]), what) end
  end)
end)
