-- Small round files that a bench writes and runs with this program.

local environment = require "sb.environment"
local fs = require "sb.fs"

local rounds = {}

-- SLOTS, COUNT, TOKENS and STREAMS are filled in.
local TEXT = [[
local bench = require "specbench"
return bench.round {
  name = "bench",
  axes = { { "slot", SLOTS }, { "method", { "none", "ngram" } }, { "concurrency", { STREAMS } } },
  baseline = { method = "none" },
  warmup = 0,
  server = function(c) return { model = "qwen2.5-7b", method = c.method, k = 3 } end,
  workload = function()
    return {
      prompts = { dataset = "spec_bench", subset = "summarization", count = COUNT },
      limits = { max_tokens = TOKENS, min_tokens = TOKENS, ignore_eos = true },
    }
  end,
  report = { heatmap = { x = "slot", y = "concurrency", per = { "method" } } },
}
]]

---@param path string
---@param values { SLOTS: string, COUNT: integer, TOKENS: integer, STREAMS: integer } SLOTS: a Lua list
function rounds.write(path, values)
  assert(fs.write(path, (TEXT:gsub("%u%u+", function(name) return values[name] and tostring(values[name]) end))))
end

---@param words string[]
---@return string[] argv of this program
function rounds.argv(words)
  return table.move(words, 1, #words, 2, { environment.executable })
end

return rounds
