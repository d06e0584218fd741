-- What a cell waits for at most. Each deadline is a field of the round, an option of the command line that goes before
-- it, and else follows from what the cell is expected to take: so generously that only what is broken meets it.

local shape = require "specbench.base.shape"

local deadlines = {}

local CHUNK, STOP = 300, 10 -- seconds

-- name, the round's field, the command line's option; what it limits, and what stands in for it.
local list = {
  { "start", "start_timeout", "ready-timeout", "how long a server may take to start", "the engine's" },
  { "first_token", "first_token_timeout", "first-token-timeout", "how long a request may wait for its first token",
    "from the estimate" },
  { "chunk", "chunk_timeout", "chunk-timeout", "how long a stream may bring no token, whatever else it sends",
    tostring(CHUNK) },
  { "request", "timeout", "request-timeout", "how long a whole request may take", "from the estimate" },
  { "cell", "cell_timeout", "cell-timeout", "how long a whole cell may take; what is left of it is not sent",
    "from the estimate" },
  { "stop", "stop_timeout", "stop-timeout", "how long a server may take to end before it is killed", tostring(STOP) },
}

local LONGEST = 365 * 86400 -- a year, whatever an estimate says
local REQUEST, CELL = 1800, 7200 -- at least
-- The estimate is of an A100: a machine a hundred times slower is still measured.
local WAVES_TO_FIRST_TOKEN, WAVES_A_REQUEST, CELLS = 20, 100, 100

for _, entry in ipairs(list) do entry.option = entry[3]:gsub("-", "_") end

---@class specbench.deadlines: table<string, number> seconds of wall time
---@field start number
---@field first_token number from a request's start to its first chunk with text or tokens
---@field chunk number from a chunk to the next one
---@field request number
---@field cell number warm-up and earlier turns included
---@field stop number from SIGTERM to SIGKILL

---@return specbench.shape.field[] of a round
function deadlines.fields()
  local fields = {}
  for i, entry in ipairs(list) do
    fields[i] = { entry[2], shape.number { above = 0, to = LONGEST }, entry[4], unit = "s", otherwise = entry[5] }
  end
  return fields
end

---@return specbench.cli.option[]
function deadlines.options()
  local options = {}
  for i, entry in ipairs(list) do
    options[i] = { long = entry[3], arg = "SECONDS", type = "number", min = 0.1, max = LONGEST,
      help = ("%s (%s)"):format(entry[4], entry[5]) }
  end
  return options
end

---@param r table the round
---@param options table of the command line
---@param expected { cell: number, wave: number, start: number } seconds: the cell, as many requests as are in flight at
---  once, the start of a server of this engine at most
---@return specbench.deadlines
function deadlines.of(r, options, expected)
  local told = {}
  for _, entry in ipairs(list) do told[entry[1]] = options[entry.option] or r[entry[2]] end
  local chunk = told.chunk or CHUNK
  local function at_least(least, estimate) return math.min(math.max(least, estimate), LONGEST) end
  return {
    start = told.start or expected.start,
    first_token = told.first_token or at_least(chunk, WAVES_TO_FIRST_TOKEN * expected.wave),
    chunk = chunk,
    request = told.request or at_least(REQUEST, WAVES_A_REQUEST * expected.wave),
    cell = told.cell or at_least(CELL, CELLS * expected.cell),
    stop = told.stop or STOP,
  }
end

return deadlines
