-- The meta files describe the modules exactly: no function is missing, none is made up, and the page is
-- the one that they give.

local environment = require "sb.environment"
local fs = require "sb.fs"

local folder = environment.home .. "/bindings/meta"

local CLASSES = {
  Task = "specbench.task", Signal = "specbench.signal", Rng = "specbench.rng", Lock = "specbench.fs.lock",
  Virtual = "specbench.virtual",
  HttpStream = "specbench.http.stream", Process = "specbench.process", Load = "specbench.load", Run = "specbench.run",
}

-- The names in a table that scripts use, as a sorted list.
local function names(table_)
  local list = {}
  for name in pairs(table_) do
    if not name:find("^__") then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

local function described(text, pattern)
  local found = {}
  for name in text:gmatch(pattern) do found[name] = true end
  return names(found)
end

local function modules()
  local list = {}
  for name in pairs(package.preload) do list[#list + 1] = name:match("^sb%.(.*)") end
  list[#list + 1] = "environment"
  return list
end

describe("the meta files", function()
  it("describe every function and value of every module", function()
    for _, module in ipairs(modules()) do
      local text = assert(fs.read(("%s/sb/%s.lua"):format(folder, module)))
      assert.same(names(require("sb." .. module)), described("\n" .. text, "\n%w* ?" .. module .. "%.([%w_]+)"), module)
    end
  end)

  it("describe what scripts draw with", function()
    local text = assert(fs.read(folder .. "/specbench/plot.lua"))
    assert.same(names(require "specbench.plot"), described(text, "\nfunction plot%.([%w_]+)"))
    -- and the example in it runs
    local example = text:match("%-%-%- ```lua\n(.-)%-%-%- ```"):gsub("%f[^\n\0]%-%-%- ?", "")
    local drawn, gnuplot = {}, require "specbench.report.gnuplot"
    local render <const> = gnuplot.render
    gnuplot.render = function(picture)
      drawn[#drawn + 1] = picture.svg
      return true
    end
    local ok, message = pcall(assert(load(example)))
    gnuplot.render = render
    assert.is_true(ok, message)
    assert.same({ "polish.svg", "map.svg" }, drawn)
  end)

  it("describe every method of every type", function()
    local registry = debug.getregistry()
    for class, type_name in pairs(CLASSES) do
      local text = ""
      for _, file in ipairs(fs.list(folder .. "/sb")) do text = text .. assert(fs.read(folder .. "/sb/" .. file)) end
      assert.same(names(registry[type_name]), described(text, "function " .. class .. ":([%w_]+)"), class)
    end
  end)

  it("give the page that is committed", function()
    local script = environment.home .. "/scripts/share/api.lua"
    local pipe = assert(io.popen(("%q %q"):format(environment.executable, script)))
    local page = pipe:read("a")
    pipe:close()
    assert.equal(fs.read(folder .. "/README.md"), page)
  end)
end)
