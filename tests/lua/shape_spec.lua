local shape = require "specbench.base.shape"
local unknown = require "specbench.base.unknown"

local map = shape.record {
  "map", class = "test.map", doc = "How a map is drawn.",
  fields = {
    { "x", shape.string { empty = false }, "the axis across", needed = true },
    { "y", shape.string(), "the axis up", needed = true },
    { "per", shape.list(shape.string()), "a map each" },
  },
}

local thing = shape.record {
  "thing", class = "test.thing",
  fields = {
    { "name", shape.string { such_as = "round2" }, needed = true },
    { "count", shape.integer { from = 1, to = 9 }, default = 3 },
    { "share", shape.number { above = 0, to = 1 } },
    { "kind", shape.choice { "poisson", "constant" }, default = "poisson" },
    { "map", map },
    { "on", shape.boolean() },
    { "env", shape.map(shape.either(shape.string(), shape.integer())) },
    { "server", shape.either(shape.string(), map) },
    { "pairs", shape.list(shape.record { "pair", class = "test.pair", fields = {
      { 1, shape.string(), needed = true }, { 2, shape.integer(), needed = true }, { "when", shape.func "c" },
    } }, { least = 1, must = "a list of pairs" }) },
    { "port", shape.integer(), flaw = function(value) return value == 80 and "80 is taken" or nil end },
    { "low", shape.integer() }, { "high", shape.integer() },
  },
  flaw = function(value)
    if value.low and value.high and value.low > value.high then return "low is above high" end
  end,
}

local function flaws(changes)
  local value = { name = "n" }
  for key, item in pairs(changes) do value[key] = item end
  return thing:flaws(value)
end

local function flaw(changes)
  local list = flaws(changes)
  assert.equal(1, #list, table.concat(list, "\n"))
  return list[1]
end

describe("a shape", function()
  it("lets pass what is declared", function()
    assert.same({}, flaws {
      count = 9, share = 1, kind = "constant", on = false, env = { A = "x", B = 2 }, server = "http://h",
      map = { x = "a", y = "b", per = { "c" } }, pairs = { { "a", 1, when = print } }, port = 81, low = 1, high = 1,
    })
    assert.same({}, flaws { count = 2.0, server = { x = "a", y = "b" } })
  end)

  it("names the key that was meant, and those that there are", function()
    assert.equal("thing: unknown key 'cnt' (did you mean 'count'?); known: count, env, high, kind, low, map, "
      .. "name, on, pairs, port, server, share", flaw { cnt = 4 })
    assert.equal("thing.map: unknown key 'colour'; known: per, x, y", flaw { map = { x = "a", y = "b", colour = 1 } })
    assert.equal("thing.map: unknown key [1]; known: per, x, y", flaw { map = { "context", x = "a", y = "b" } })
  end)

  it("names a word of a table within, where it was put beside it", function()
    local inner = shape.record { "inner", class = "test.inner", fields = { { "colour", shape.string() } } }
    local outer = shape.record { "outer", class = "test.outer", fields = { { "inner", inner } } }
    assert.equal("outer: unknown key 'color' (did you mean 'inner.colour'?); known: inner",
      outer:flaws({ color = "red" })[1])
  end)

  it("says what stands there and what must", function()
    assert.equal("thing: name = 7: must be a string such as \"round2\"", flaw { name = 7 })
    assert.equal("thing: count = '3': must be a whole number from 1 to 9", flaw { count = "3" })
    assert.equal("thing: count = 2.5: must be a whole number from 1 to 9", flaw { count = 2.5 })
    assert.equal("thing: count = 10: must be a whole number from 1 to 9", flaw { count = 10 })
    assert.equal("thing: share = 0: must be a number above 0, at most 1", flaw { share = 0 })
    assert.truthy(flaw { share = 0 / 0 }:find "must be a number above 0, at most 1")
    assert.equal("thing: on = 'yes': must be true or false", flaw { on = "yes" })
    assert.equal("thing: map = 'x': must be a table", flaw { map = "x" })
    assert.equal("thing: must be a table, not nil", thing:flaws(nil)[1])
    assert.equal("thing: must be a table, not a string", thing:flaws("x")[1])
  end)

  it("looks into lists, maps and tables within tables", function()
    assert.equal("thing.map: per[2] = 3: must be a string", flaw { map = { x = "a", y = "b", per = { "c", 3 } } })
    assert.equal("thing.map: x = '': must be a string that is not empty",
      flaw { map = { x = "", y = "b" } })
    assert.equal("thing.map: per = a table: must be a list of strings",
      flaw { map = { x = "a", y = "b", per = { k = "c" } } })
    assert.equal("thing: env.A = true: must be a string or a whole number", flaw { env = { A = true } })
    assert.equal("thing: env = a table: must be a table of names and strings or whole numbers",
      flaw { env = { "A" } })
    assert.equal("thing.pairs[2]: [2] = 'x': must be a whole number",
      flaw { pairs = { { "a", 1 }, { "b", "x" } } })
    assert.equal("thing.pairs[1]: unknown key 'wen' (did you mean 'when'?); known: when",
      flaw { pairs = { { "a", 1, wen = print } } })
    assert.equal("thing: pairs = a table: must be a list of pairs", flaw { pairs = {} })
  end)

  it("takes one of several kinds and speaks of the one that was meant", function()
    assert.equal("thing.server: unknown key 'colour'; known: per, x, y",
      flaw { server = { x = "a", y = "b", colour = 1 } })
    assert.equal("thing: server = 3: must be a string or a table", flaw { server = 3 })
  end)

  it("names the choice that was meant", function()
    assert.equal("thing: kind = 'poison': must be one of \"poisson\", \"constant\" (did you mean 'poisson'?)",
      flaw { kind = "poison" })
  end)

  it("tells all that is missing at once", function()
    assert.equal("thing: name is missing", thing:flaws({})[1])
    assert.equal("thing: missing: name (a string such as \"round2\"), "
      .. "map.x (a string that is not empty), map.y (a string)",
      thing:flaws({ map = {} })[1])
    assert.equal("thing.map: y is missing", flaw { map = { x = "a" } })
  end)

  it("asks for more where the kind is right", function()
    assert.equal("thing: port: 80 is taken", flaw { port = 80 })
    assert.equal("thing: low is above high", flaw { low = 3, high = 2 })
    assert.same({ "thing: low = 'x': must be a whole number" }, flaws { low = "x", high = 2 })
  end)

  it("lists every flaw, and says of which place", function()
    assert.same({
      "my.lua: unknown key 'nam' (did you mean 'name'?); known: " .. table.concat(thing.names, ", "),
      "my.lua: count = 0: must be a whole number from 1 to 9", "my.lua: name is missing",
    }, thing:flaws({ nam = "x", count = 0 }, "my.lua"))
  end)

  it("keeps control characters and long texts out of a message", function()
    local line = flaw { kind = "\27[31m" .. ("x"):rep(200) }
    assert.is_nil(line:find "%c")
    assert.truthy(line:find("xxx...'", 1, true))
    assert.is_nil(flaw { ["a\nb"] = 1 }:find "%c")
  end)

  it("fills in what was not given, in a copy", function()
    local given = { name = "n", kind = "constant" }
    assert.same({ name = "n", kind = "constant", count = 3 }, thing:read(given))
    assert.is_nil(given.count)
    assert.equal("integer", math.type(thing:read({ name = "n", count = 4.0 }).count))
  end)

  it("raises a line without a place in a file, or with that of whom the level names", function()
    local _, plain = pcall(thing.check, thing, {})
    assert.equal("thing: name is missing", plain)
    local function library(value) return (thing:check(value, 2)) end
    local function reading(value) return (thing:read(value, 2)) end
    for _, call in ipairs { library, reading } do
      local line = debug.getinfo(1, "l").currentline + 1
      local ok, message = pcall(function() local _ = call {} end)
      assert.is_false(ok)
      assert.truthy(message:find(("shape_spec.lua:%d: thing: name is missing"):format(line), 1, true), message)
    end
  end)
end)

describe("an unknown word", function()
  it("is answered with the one meant, where one is near", function()
    assert.equal(" (did you mean 'polish'?)", unknown.hint("polsh", { "polish", "news" }))
    assert.equal(" (did you mean --quick?)", unknown.hint("--quik", { "--quick" }))
    assert.equal("", unknown.hint("zzzz", { "polish", "news" }))
    assert.equal("unknown dataset 'x'; known: a", unknown.message("dataset", "x", { "a" }))
  end)
end)
