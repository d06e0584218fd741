-- Draft acceptance told twice: by the engine's counters and by the answers. Where the two cannot be of the same
-- requests, no figure that rests on the counters should be believed.

local acceptance = {}

-- What an answer's end can hide: a whole draft of its last step, and one step that ran on after it.
local function hidden(cell, k)
  return (k + 1) * cell.metrics.completed
end

-- Methods that draft in every step; the others do so where they find something to draft from.
local DRAFTS_ALWAYS = { draft = true, eagle = true, eagle3 = true, medusa = true, mtp = true }

local function drafts_always(cell)
  local server = cell.identity.server
  return DRAFTS_ALWAYS[server.method] and not server.disable_by_batch_size and not server.k_by_batch_size
end

-- Fewer drafts than the answers need: a counter began anew in between, or the two readings are of another server.
local function too_few(cell, counted, seen, room)
  if not counted.drafts or not drafts_always(cell) then return nil end
  local completed, output = cell.metrics.completed, cell.metrics.total_output_tokens
  if seen then
    if counted.drafts >= seen.steps - 2 * completed then return nil end
    return ("the engine counted %.0f drafts, the answers have %d steps"):format(counted.drafts, seen.steps)
  end
  local from_drafts = counted.drafts + counted.accepted_tokens
  if not output or from_drafts >= output - 2 * completed - room then return nil end
  return ("the engine counted %.0f tokens from steps with a draft, the answers have %d"):format(from_drafts, output)
end

-- Another k than the round's: a server that was not restarted with it.
local function other_k(cell, counted, k)
  if cell.identity.server.k_by_batch_size then return nil end
  local positions = 0
  for i, share in ipairs(counted.per_position or {}) do positions = share > 0 and i or positions end
  if positions > k then
    return ("the engine accepted a draft's token %d, k is %d: it runs with another k"):format(positions, k)
  end
  if counted.mean_length and counted.mean_length > k + 1 then
    return ("the engine counted %.2f tokens a step, k = %d brings at most %d: it runs with another k"):format(
      counted.mean_length, k, k + 1)
  end
end

---Why the counters cannot be of this cell's answers alone: other requests on the server, a restart between the two
---readings, or chunks that are not steps after all.
---@param cell table
---@return string? reason nil where both agree, or where only one of them tells
function acceptance.disagreement(cell)
  local counted, seen, k = cell.acceptance, cell.acceptance_seen, cell.identity.server and cell.identity.server.k
  if not (counted and counted.accepted_tokens and k and cell.metrics.completed) then return nil end
  seen = seen and seen.steps and seen.accepted_tokens and seen or nil
  if counted.source == "log" then return nil end -- written every few seconds: it begins and ends at other moments
  local other = other_k(cell, counted, k)
  if other then return other end
  local room = hidden(cell, k)
  local few = too_few(cell, counted, seen, room)
  if few then return few end
  if seen then
    if math.abs(counted.accepted_tokens - seen.accepted_tokens) > room then
      return ("the engine counted %d accepted tokens, the answers show %d"):format(counted.accepted_tokens,
        seen.accepted_tokens)
    end
    if counted.drafts and counted.drafts > seen.steps + cell.metrics.completed then
      return ("the engine counted %.0f drafts, the answers have %d steps"):format(counted.drafts, seen.steps)
    end
    return nil
  end
  local output = cell.metrics.total_output_tokens
  -- a step that had a draft brings what was accepted and a token of the target's own; the first token is prefill's
  local from_drafts = counted.drafts and counted.drafts + counted.accepted_tokens
  if output and from_drafts and from_drafts > output - cell.metrics.completed + room then
    return ("the engine counted %.0f tokens from steps with a draft, the answers have %d"):format(from_drafts, output)
  end
end

-- Over all repeats together; weight: what the shares are of. Positions: over those repeats that tell them.
local function pooled(list, weight)
  local total, lengths, told, positions = 0, 0, 0, {}
  for _, one in ipairs(list) do
    local count, shares = one[weight], one.per_position or {}
    if not count or count > 0 and not one.mean_length then return nil end
    total, lengths = total + count, lengths + count * (one.mean_length or 0)
    told = told + (shares[1] and count or 0)
    for i, share in ipairs(shares) do positions[i] = (positions[i] or 0) + count * share end
  end
  if total == 0 then return nil end
  for i, sum in ipairs(positions) do positions[i] = sum / told end
  return { mean_length = lengths / total, per_position = positions[1] and positions or nil }
end

---Both accounts of a cell's repeats.
---@param cells table[] one a repeat
---@return { rate: number?, counters: table?, timelines: table? }? both counters and timelines hold mean_length and,
---  where it is known, per_position
function acceptance.of(cells)
  local counted, seen, accepted, drafted = {}, {}, 0, 0
  for _, cell in ipairs(cells) do
    counted[#counted + 1], seen[#seen + 1] = cell.acceptance, cell.acceptance_seen
    local told = cell.acceptance
    if told and told.accepted_tokens and told.draft_tokens then
      accepted, drafted = accepted + told.accepted_tokens, drafted + told.draft_tokens
    end
  end
  if #counted == 0 and #seen == 0 then return nil end
  return { rate = drafted > 0 and accepted / drafted or nil, counters = pooled(counted, "drafts"),
    timelines = pooled(seen, "steps") }
end

return acceptance
