-- Whether a target, its draft and a server's settings can go together at all, by what the checkpoints say of
-- themselves: one line with the remedy before any server starts, instead of a minute's start and a traceback.

local base = require "specbench.engine.base"

local fit = {}

local MORE = "scripts/specbench/engine/README.md, \"Pairs that fit\""

-- Methods whose drafts are heads that read the target's hidden states.
local HEADS = base.set { "eagle", "eagle3", "medusa", "mlp_speculator" }

-- Ways of serving a checkpoint that was quantised one way; any other is refused.
local SERVED_AS = {
  awq = base.set { "awq", "awq_marlin" }, gptq = base.set { "gptq", "gptq_marlin", "gptq_bitblas" },
}

-- Ways that need a checkpoint quantised so beforehand.
local OFFLINE = base.set { "awq", "awq_marlin", "gptq", "gptq_marlin", "gptq_bitblas", "compressed-tensors" }

-- Numbers of GPUs up to `most` that divide all of the counts.
local function divisors(most, ...)
  local list = {}
  for n = 1, most do
    local fits = true
    for _, count in ipairs { ... } do fits = fits and count % n == 0 end
    if fits then list[#list + 1] = base.text(n) end
  end
  return table.concat(list, " or ")
end

local function heads(server, target, draft, draft_tp)
  local tp = server.tensor_parallel or 1
  if target and target.heads and target.heads % tp ~= 0 then
    return ("%s has %d attention heads, which tensor_parallel = %d does not divide: take %s"):format(server.model.name,
      target.heads, tp, divisors(tp, target.heads))
  end
  if draft and draft.heads and draft_tp and draft.heads % draft_tp ~= 0 then
    return ("the draft %s has %d attention heads, which do not divide by its tensor parallel size %d "
      .. "(tensor_parallel = %d): take tensor_parallel = %s, or another draft"):format(server.draft.name, draft.heads,
      draft_tp, tp, divisors(tp, draft.heads, target and target.heads or draft.heads))
  end
end

local function tokenizer(server, target)
  if not (target and target.tokens and target.vocabulary) or target.tokens <= target.vocabulary then return nil end
  return ("the tokenizer of %s makes %d different tokens, but its config.json has vocab_size %d: the first prompt with "
    .. "one beyond would end the server; take the tokenizer that belongs to the model"):format(server.model.name,
    target.tokens, target.vocabulary)
end

local function vocabularies(server, target, draft, rules)
  if server.method ~= "draft" or not rules.equal_vocabularies or not (target and draft) then return nil end
  local mine, other = target.vocabulary, draft.vocabulary
  if not (mine and other) or mine == other then return nil end
  local own = server.speculative or {}
  if rules.heterogeneous and own[rules.heterogeneous] then return nil end
  return ("%s has a vocabulary of %d tokens, its draft %s one of %d, and they must be equal: %sa draft padded to %d, "
    .. "or another draft (%s)"):format(server.model.name, mine, server.draft.name, other,
    rules.heterogeneous and ("speculative = { %s = true } in the round or in the draft's entry of the models file, ")
      :format(rules.heterogeneous) or "", mine, MORE)
end

local function context(server, target)
  local wanted, has = server.max_model_len, target and target.positions
  if not (wanted and has) or wanted <= has then return nil end
  return ("max_model_len = %d, but %s was made for %d tokens: take less, or a checkpoint whose rope is scaled"):format(
    wanted, server.model.name, has)
end

local function quantization(server, target)
  local wanted = server.quantization
  if not wanted or not target then return nil end
  local has = target.quantization
  if not has and OFFLINE[wanted] then
    return ("quantization = %s, but %s is not quantised: leave it out, or take a checkpoint that is"):format(wanted,
      server.model.name)
  end
  if has and has ~= wanted and not (SERVED_AS[has] or {})[wanted] then
    return ("quantization = %s, but %s was quantised with %s: leave it out (quantization = \"auto\" in its entry of "
      .. "the models file) or say %s"):format(wanted, server.model.name, has, has)
  end
end

local function head(server, target, draft, rules)
  if not HEADS[server.method] or not draft then return nil end
  local name, made_for = server.draft.name, draft.target_hidden or server.method ~= "eagle3" and draft.hidden
  if target and target.hidden and made_for and made_for ~= target.hidden then
    return ("%s is a head for targets with hidden states of %d, %s has %d: take the head of this target"):format(name,
      made_for, server.model.name, target.hidden)
  end
  if server.method == "eagle" and (draft.architecture or ""):find "[Ee]agle3" then
    return ("%s is an EAGLE 3 head: method = \"eagle3\""):format(name)
  end
  return rules.head and rules.head(server, draft)
end

---@param engine specbench.engine
---@param server table resolved description
---@param target specbench.checkpoint?
---@param draft specbench.checkpoint?
---@return string? flaw nil where nothing speaks against it, or not enough is known
function fit.flaw(engine, server, target, draft)
  local rules = engine.fit
  if not rules then return nil end
  if not base.speculates(server) then draft = nil end
  local draft_tp, why
  if draft then draft_tp, why = rules.draft_tensor_parallel(server) end
  local reason = why or heads(server, target, draft, draft_tp) or tokenizer(server, target)
    or vocabularies(server, target, draft, rules) or context(server, target) or quantization(server, target)
    or head(server, target, draft, rules)
  return reason and ("%s: %s"):format(engine.name, reason) or nil
end

return fit
