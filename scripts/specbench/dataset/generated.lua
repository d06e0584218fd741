-- Prompts of a stated number of tokens: random words, or verses of Shakespeare's sonnets.

local rng = require "sb.rng"
local file = require "specbench.dataset.file"
local profile = require "specbench.dataset.profile"

local MOST_TOKENS = 100000000 -- in all: a minute's work to make up, and a gigabyte

local generated = { random = {}, sonnet = {} }

local function check(request)
  if math.type(request.tokens) ~= "integer" or request.tokens < 1 then
    return request.dataset .. ": tokens, the length of each prompt, must be a positive integer"
  end
  if not request.count then
    return request.dataset .. ": count, the number of prompts, is needed"
  end
  local most = request.tokens_to or request.tokens
  if most < request.tokens then
    return ("%s: tokens_to is %d, less than tokens, which is %d"):format(request.dataset, most, request.tokens)
  end
  if request.count * most > MOST_TOKENS then
    return ("%s: %d prompts of %d tokens are more than %d tokens"):format(request.dataset, request.count, most,
      MOST_TOKENS)
  end
end

local function synthetic(request, note)
  local rows, most = {}, request.tokens_to
  for i = 1, request.count do
    local tokens = most and rng.new(("lengths/%d/%d"):format(request.seed, i)):int(request.tokens, most)
    rows[i] = { id = i, tokens = tokens or request.tokens, fields = {} }
  end
  local lengths = most and ("%d to %d"):format(request.tokens, most) or ("%d"):format(request.tokens)
  return {
    rows = rows, in_order = true,
    source = { kind = "synthetic", profile = request.dataset, note = note:format(lengths) },
  }
end

function generated.random.load(request)
  local problem = check(request)
  if problem then return nil, problem end
  return synthetic(request, "synthetic text of %s tokens a prompt")
end

--- Whole verses in a random order, as many as fit; the order is drawn again where the sonnets run
--- out.
local function verses(random, lines, counts, limit)
  local parts, total, places = {}, 0, {}
  while true do
    if #places == 0 then
      for i = 1, #lines do places[i] = i end
      random:shuffle(places)
    end
    local place = table.remove(places)
    if total + counts[place] > limit then break end
    parts[#parts + 1] = lines[place]
    total = total + counts[place]
  end
  return table.concat(parts, "\n") .. "\n", total
end

function generated.sonnet.load(request)
  local problem = check(request)
  if problem then return nil, problem end
  if not request.folder then
    return synthetic(request, "synthetic text of %s tokens a prompt in place of sonnets")
  end
  local lengths, message = profile.lengths("sonnet", "sonnet")
  if not lengths then return nil, message end
  local opened
  opened, message = file.published(request.folder, "sonnet.txt")
  if not opened then return nil, message end
  local counts, lines = profile.counts(lengths, opened), {}
  if not counts then
    return nil, ("%s is not the published file (sha256 %s...): its verses' tokens are unknown; "
      .. "take dataset \"folder\" for texts of your own")
      :format(opened.path, lengths.sha256:sub(1, 12))
  end
  for line in opened.text:gmatch("[^\n]+") do lines[#lines + 1] = line end
  local longest = math.max(table.unpack(counts))
  if request.tokens < longest then
    return nil, ("sonnet: tokens must be at least %d, a verse's length"):format(longest)
  end
  local rows = {}
  for i = 1, request.count do
    local random = rng.new(("sonnet/%d/%d"):format(request.seed, i))
    local content, total = verses(random, lines, counts, request.tokens)
    rows[i] = { id = i, content = content, tokens = total, fields = {} }
  end
  return { rows = rows, in_order = true, source = file.source(opened, #lines) }
end

return generated
