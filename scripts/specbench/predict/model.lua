-- What a cell comes to by a server's costs, its drafts' acceptance and the lengths of its answers: pure arithmetic, no
-- files, no clock. The costs are those of a simulator's profile (runtime/sim/profiles/README.md), so that what was
-- fitted can be simulated. Times are in milliseconds, contexts in 1000 tokens.
--
--   a decode step of n sequences   S = alpha + beta k + (gamma + delta k) n + epsilon (k + 1) c n
--                                      + bend max(0, n (k + 1) - bend_at)
--   a prefill of r requests        prefill_base + prefill_token t + prefill_request r, while nothing is decoded
--   a request                      request_overhead, during which its slot stands still

local model = {}

---@class specbench.predict.cost
---@field alpha number
---@field beta number
---@field gamma number
---@field delta number
---@field epsilon number
---@field bend number more for each token of the batch beyond bend_at
---@field bend_at number tokens of a step's batch, n (k + 1)
---@field prefill_base number
---@field prefill_token number
---@field prefill_request number
---@field request_overhead number

---@class specbench.predict.load
---@field k integer draft tokens a step; 0: no speculation
---@field concurrency integer
---@field requests integer
---@field input_tokens number of all prompts
---@field output_tokens number of all answers

---Tokens that a step of one sequence brings, and how many an answer's last step brings beyond its end, on average.
---@param first number probability that a draft's first token is accepted
---@param later number that each later one is, if all before it were
---@param k integer
---@return number tokens a step
---@return number overshoot
function model.tokens(first, later, k)
  local mean, square, reach = 1.0, 1.0, first -- sums of P(X >= i) and of (2 i - 1) P(X >= i), X the step's tokens
  for i = 2, k + 1 do
    mean, square = mean + reach, square + (2 * i - 1) * reach
    reach = reach * later
  end
  return mean, (square - mean) / (2 * mean)
end

---A plain server's costs as those of one whose steps verify k tokens more for what a plain step takes: speculation that
---costs nothing.
---@param cost specbench.predict.cost of a plain server
---@param k integer
---@return specbench.predict.cost
function model.for_nothing(cost, k)
  local free = {}
  for name, value in pairs(cost) do free[name] = value end
  free.beta, free.delta = 0.0, 0.0
  free.epsilon, free.bend, free.bend_at = cost.epsilon / (k + 1), cost.bend / (k + 1), cost.bend_at * (k + 1)
  return free
end

---@class specbench.predict.figures
---@field seconds number
---@field tokens_per_second number prompts' and answers' tokens
---@field itl_ms number mean gap between chunks, a chunk being a step
---@field tokens_per_step number of decoded tokens, the last step's waste counted
---@field running number mean number of sequences in a decode step

---Figures of a cell.
---@param cost specbench.predict.cost
---@param acceptance { first: number, later: number }
---@param load specbench.predict.load
---@param spent number[] see occupancy: tokens of one sequence by the number that run
---@param context number sum over the tokens of their context, in 1000 tokens
---@return specbench.predict.figures
function model.figures(cost, acceptance, load, spent, context)
  local k, requests = load.k, load.requests
  local tokens, overshoot = 1.0, 0.0
  if k > 0 then tokens, overshoot = model.tokens(acceptance.first, acceptance.later, k) end
  local length = load.output_tokens / requests
  -- a prefill brings the first token; the rest takes steps, the last of which may bring more than is wanted
  local decoded = math.max(length - 1, 1e-3)
  local per_token = (decoded + overshoot) / length / tokens
  local base, each = cost.alpha + cost.beta * k, cost.gamma + cost.delta * k
  local steps, seen, time, time_seen = 0.0, 0.0, 0.0, 0.0
  for n = 1, #spent do
    local share = spent[n] * per_token
    local beyond = n * (k + 1) - cost.bend_at
    local step = base + each * n + (beyond > 0 and cost.bend * beyond or 0)
    steps, seen = steps + share, seen + share * n
    time, time_seen = time + share * step, time_seen + share * n * step
  end
  local reading = cost.epsilon * (k + 1) * context * per_token
  time = time + reading
  -- requests whose prompts are computed in one batch pay prefill_base once: those that came in during one step
  local arrivals = requests / steps
  local batches = steps * (1 - math.exp(-arrivals))
  local stall = batches * cost.prefill_base + cost.prefill_token * load.input_tokens
    + cost.prefill_request * requests
  -- a slot stands still while its next request is on its way and waits for the step under way to end
  local wait = cost.request_overhead + (load.concurrency > 1 and time / steps / 2 or 0)
  local ms = time + stall + requests * wait / math.min(load.concurrency, requests)
  return {
    seconds = ms / 1000, tokens_per_second = (load.input_tokens + load.output_tokens) / ms * 1000,
    -- a prompt's computation stands in the gaps of the others' answers alone
    itl_ms = time_seen / seen + reading / steps + stall / steps * (1 - steps / seen),
    tokens_per_step = tokens * decoded / (decoded + overshoot), running = seen / steps,
  }
end

return model
