-- Text that came from elsewhere, before a terminal has it.

local foreign = require "specbench.base.foreign"
local json = require "specbench.base.json"
local rng = require "sb.rng"

-- What strings are put together from.
local PIECES = { "plain", " ", "\n", "\t", "\r", "\r\n", "\27[31m", "\31", "\0", "\127", "\u{e9}", "\xFF", "\\",
  "\\u001f", "\"", "/", "\u{9b}", "\u{202e}" }

local function text_of(source)
  local parts = {}
  for i = 1, source:int(0, 3) do parts[i] = PIECES[source:int(1, #PIECES)] end
  return table.concat(parts)
end

describe("foreign", function()
  it("says of a JSON text that it needs no cleaning only where cleaning changes nothing", function()
    local source, trusted = rng.new(7, 0), 0
    for _ = 1, 2000 do
      local value = { key = text_of(source), [text_of(source)] = { text_of(source) } }
      local encoded = json.encode(value)
      local read = assert(json.decode(encoded))
      local before = json.encode(read)
      if json.is_printable(encoded) then
        trusted = trusted + 1
        assert.equal(before, json.encode(foreign.tree(read)))
      end
    end
    assert.is_true(trusted > 100)
  end)

  it("lets separators pass only as many as the caller knows of", function()
    local encoded = json.encode { key = "a\31b", text = "c" }
    assert.is_true(json.is_printable(encoded, 1))
    assert.is_false(json.is_printable(encoded))
    assert.is_false(json.is_printable(json.encode { key = "a\31b", text = "\31" }, 1))
  end)
end)
