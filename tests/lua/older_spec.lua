-- Which cells a round that changed would measure otherwise now, and versions of an engine side by side.

local older = require "specbench.analysis.older"

local function cell(id, key, fields)
  fields = fields or {}
  return {
    id = id, key = key, engine = { name = "vllm", version = fields.version },
    identity = { engine = fields.engine or "vllm", server = { flags = fields.flags or "old" }, workload = {} },
  }
end

local function ids(cells)
  local list = {}
  for i, one in ipairs(cells) do list[i] = one.id end
  table.sort(list)
  return table.concat(list, " ")
end

local ABOUT = { engine = "vllm", planned = { ["a\0311"] = "new", ["b\0311"] = "b" } }

describe("cells of a changed round", function()
  it("are those that the last run plans otherwise in their places", function()
    local today, before = older.split({ cell("new", "a\0311", { flags = "new" }), cell("old", "a\0311"),
      cell("b", "b\0311"), cell("elsewhere", "c\0311") }, ABOUT)
    assert.equal("b elsewhere new", ids(today))
    assert.equal("old", ids(before))
  end)

  it("take later repeats with them, of which the run says nothing", function()
    local today, before = older.split({ cell("old", "a\0311"), cell("old2", "a\0312"),
      cell("new2", "a\0312", { flags = "new" }), cell("b2", "b\0312") }, ABOUT)
    assert.equal("b2 new2", ids(today))
    assert.equal("old old2", ids(before))
  end)

  it("are not another engine's, nor any where the folder does not say", function()
    local today, before = older.split({ cell("sim", "a\0311", { engine = "sim" }) }, ABOUT)
    assert.equal("sim", ids(today))
    assert.equal("", ids(before))
    today = older.split({ cell("old", "a\0311") }, {})
    assert.equal("old", ids(today))
    assert.equal("", older.text(today, {}))
  end)
end)

describe("versions of an engine", function()
  it("are named where several stand side by side", function()
    assert.equal("", older.versions { cell("a", "a", { version = "0.26.0" }), cell("b", "b"), })
    local said = older.versions { cell("a", "a", { version = "0.26.0" }), cell("b", "b", { version = "0.25.0" }),
      cell("c", "c", { version = "0.26.0" }) }
    assert.equal("Several versions of vllm stand side by side: 0.25.0 (1 cells), 0.26.0 (2 cells); --fresh measures "
      .. "all with one\n", said)
  end)
end)
