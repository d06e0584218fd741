-- The meta files describe the modules exactly: no function is missing, none is made up, and the page is
-- the one that they give.

local environment = require "sb.environment"
local fs = require "sb.fs"

local folder = environment.home .. "/bindings/meta"

local CLASSES = {
  Task = "specbench.task", Signal = "specbench.signal", Rng = "specbench.rng", Lock = "specbench.fs.lock",
  Virtual = "specbench.virtual", Matrix = "specbench.matrix", Factor = "specbench.factor",
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
      assert.same(names(require("sb." .. module)), described("\n" .. text, "\n%w* ?" .. module .. "%.([%w_]+)"),
        ("what sb.%s has, and what bindings/meta/sb/%s.lua describes"):format(module, module))
    end
  end)

  it("describe what scripts draw with", function()
    local text = assert(fs.read(folder .. "/specbench/plot.lua"))
    assert.same(names(require "specbench.plot"), described(text, "\nfunction plot%.([%w_]+)"))
    for name, shape in pairs(require "specbench.report.plot_shape") do
      local fields, wanted = {}, {}
      for _, field in ipairs(shape.fields) do wanted[field[1]] = true end
      local parents = text:match("@class specbench%.plot%." .. name .. " : ([^\n]+)\n")
      for class in ("specbench.plot." .. name .. ", " .. parents):gmatch "[%w_.]+" do
        local body = text:match("@class " .. class:gsub("%.", "%%.") .. "%f[\n ][^\n]*\n(.-)\n\n") or ""
        for field in body:gmatch "@field ([%w_]+)" do fields[field] = true end
      end
      assert.same(names(wanted), names(fields), name)
    end
    -- and the example in it runs
    local example = text:match("%-%-%- ```lua\n(.-)%-%-%- ```"):gsub("%f[^\n\0]%-%-%- ?", "")
    local drawn, gnuplot = {}, require "specbench.report.gnuplot"
    local render <const> = gnuplot.render
    gnuplot.render = function(pictures)
      for _, picture in ipairs(pictures) do drawn[#drawn + 1] = picture.svg end
      return #pictures
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

  it("have what is said of a class above its line, where the page takes it from", function()
    for _, part in ipairs { "sb", "specbench" } do
      for _, file in ipairs(fs.list(("%s/%s"):format(folder, part))) do
        local text = assert(fs.read(("%s/%s/%s"):format(folder, part, file)))
        for class in text:gmatch "%-%-%-@class ([^\n]+)" do
          assert.truthy(class:find "^%S+$" or class:find "^%S+ ?: [%w_., |]+$", ("%s: %s"):format(file, class))
        end
      end
    end
  end)

  it("describe every field that a function reads of its options, and no other", function()
    local function read_by(file, index)
      local text = assert(fs.read(("%s/bindings/%s.c"):format(environment.home, file)))
      return described(text, "field%(L, " .. index .. ', "([%w_]+)"')
    end
    local function fields_of(file, class)
      local text = assert(fs.read(("%s/sb/%s.lua"):format(folder, file)))
      return described(text:match("@class sb%." .. class .. "\n(.-)\n\n"), "@field ([%w_]+)")
    end
    local deadlines = read_by("load_input", "index")
    assert.same({ "cell_timeout", "chunk_timeout", "first_token_timeout", "timeout" }, deadlines)
    local of_load = read_by("load", 1)
    table.move(deadlines, 1, #deadlines, #of_load + 1, of_load)
    table.sort(of_load)
    assert.same(of_load, fields_of("load", "LoadOptions"))
    assert.same(read_by("load_input", "%-1"), fields_of("load", "LoadRequest"))
    assert.same(read_by("load_input", "at"), fields_of("load", "Arrivals"))
    assert.same(read_by("http", 1), fields_of("http", "HttpOptions"))
    assert.same(read_by("proc", 1), fields_of("proc", "ProcessOptions"))
  end)

  it("give the page that is committed", function()
    local script = environment.home .. "/scripts/share/api.lua"
    local pipe = assert(io.popen(("%q %q"):format(environment.executable, script)))
    local page = pipe:read("a")
    pipe:close()
    assert.is_true(page == fs.read(folder .. "/README.md"), "bindings/meta/README.md is out of date: specbench "
      .. "scripts/share/api.lua > bindings/meta/README.md")
  end)
end)
