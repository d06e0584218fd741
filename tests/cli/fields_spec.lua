-- What scripts/share/fields.lua makes of the shapes is what is committed.

local environment = require "sb.environment"
local fs = require "sb.fs"
local world = dofile(environment.home .. "/tests/cli/world.lua")

local SCRIPT = environment.home .. "/scripts/share/fields.lua"
local PAGES = { "rounds/README.md", "scripts/specbench/engine/README.md" }
local META = "bindings/meta/specbench/tables.lua"

local function committed(name)
  return assert(fs.read(environment.home .. "/" .. name))
end

describe("the tables of fields and the types for editors", function()
  local w
  before_each(function()
    w = world.new()
    for _, name in ipairs(PAGES) do
      assert(fs.mkdir(w.folder .. "/" .. name:match "^(.*)/"))
      w:write(name, (committed(name):gsub("\n| `k` |[^\n]*", "\n| `k` | a row that is out of date |")))
      assert.not_equal(committed(name), w:read(name))
    end
  end)
  after_each(function() w:remove() end)

  it("are those that the shapes give", function()
    local result = w:run(("%s %s"):format(SCRIPT, w.folder))
    assert.equal(0, result.status, result.err)
    for _, name in ipairs { PAGES[1], PAGES[2], META } do
      assert.is_true(committed(name) == w:read(name), name .. " is out of date: specbench scripts/share/fields.lua")
      assert.truthy(result.out:find(name, 1, true))
    end
  end)

  it("are left alone where they are up to date", function()
    w:run(("%s %s"):format(SCRIPT, w.folder))
    assert.equal("", w:run(("%s %s"):format(SCRIPT, w.folder)).out)
  end)

  it("are refused for a shape or a column that is not there", function()
    w:write(PAGES[1], "<!-- fields sevrer: key -->\n<!-- end of fields -->\n")
    local result = w:run(("%s %s"):format(SCRIPT, w.folder))
    assert.equal(1, result.status)
    assert.truthy(result.err:find("rounds/README.md: there is no shape 'sevrer'", 1, true), result.err)
    w:write(PAGES[1], "<!-- fields server: key colour -->\n<!-- end of fields -->\n")
    assert.truthy(w:run(("%s %s"):format(SCRIPT, w.folder)).err:find("there is no column 'colour'", 1, true))
  end)
end)
