--- Acceptance from an engine's speculative counters. A delta is the difference of two scrapes:
--- name, or name{labels}, -> value. Lengths count the token that the target adds itself.

local counters = {}

local function split(key)
  local name, labels = key:match "^([^{]+){(.*)}$"
  return name or key, labels or ""
end

---The value under the bare name, where a scraper has summed already, else the sum over all label
---sets; nil where the name does not occur.
---@param delta table<string, number>
---@param name string
---@return number|nil
function counters.sum(delta, name)
  if delta[name] then return delta[name] end
  local total
  for key, value in pairs(delta) do
    if split(key) == name then total = (total or 0) + value end
  end
  return total
end

local MOST_POSITIONS = 1024 -- no method drafts so far: a label beyond it is no position

-- Sums by the label position="i", i from 0, as a list from 1; empty where there are none.
local function by_position(delta, name)
  local sums, last = {}, -1
  for key, value in pairs(delta) do
    local own, labels = split(key)
    local position = own == name and math.tointeger(tonumber(labels:match 'position="(%d+)"'))
    if position and position < MOST_POSITIONS then
      sums[position] = (sums[position] or 0) + value
      last = math.max(last, position)
    end
  end
  local list = {}
  for i = 0, last do
    list[i + 1] = sums[i] or 0
  end
  return list
end

---Acceptance where the engine counts drafts (one a sequence and step that had a draft), draft
---tokens and the accepted prefix: rate = accepted / draft tokens, mean length = 1 + accepted /
---drafts, position i = accepted at i / drafts.
---@param delta table<string, number>
---@param prefix string what the names start with: "vllm:spec_decode_num_"
---@param note string|nil what a reader must know of these counters
---@return table|nil acceptance rates are absent where nothing was drafted
---@return string|nil message where the counters are not there
function counters.acceptance(delta, prefix, note)
  local drafts = counters.sum(delta, prefix .. "drafts_total")
  local draft_tokens = counters.sum(delta, prefix .. "draft_tokens_total")
  local accepted = counters.sum(delta, prefix .. "accepted_tokens_total")
  if not (drafts and draft_tokens and accepted) then
    return nil, ("no counters %s{drafts,draft_tokens,accepted_tokens}_total"):format(prefix)
  end
  if drafts < 0 or draft_tokens < 0 or accepted < 0 then
    return nil, "the counters went backwards: the server was restarted between the two scrapes"
  end
  local result = {
    drafts = drafts,
    draft_tokens = draft_tokens,
    accepted_tokens = accepted,
    source = "counters",
    note = note,
  }
  if drafts > 0 and draft_tokens > 0 then
    result.rate = accepted / draft_tokens
    result.mean_length = 1 + accepted / drafts
    result.per_position = by_position(delta, prefix .. "accepted_tokens_per_pos_total")
    for i, count in ipairs(result.per_position) do
      result.per_position[i] = count / drafts
    end
  end
  return result
end

---The names that counters.acceptance reads.
---@param prefix string
---@return string[]
function counters.names(prefix)
  return {
    prefix .. "drafts_total",
    prefix .. "draft_tokens_total",
    prefix .. "accepted_tokens_total",
    prefix .. "accepted_tokens_per_pos_total",
  }
end

return counters
