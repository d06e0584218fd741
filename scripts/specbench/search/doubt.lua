-- When a search is done. An answer is sure where the setting that is chosen is, with probability SURE, less than the
-- tolerance slower than the best; the chances of its rivals are summed, which is more than the chance that any of them
-- wins. A grid's answers are known where none is unsure, or where on average so few are wrong that the last ones would
-- cost more than all the others: they are named as not sure. Where a grid is cheap to know, fewer are left: a search
-- goes on until a further percent of the grid's time would right no more than WORTH percent of the answers. (Doubt
-- falls about as the time grows that was spent, so what the next percent would right is the doubt by the time.)

local stats = require "sb.stats"

local doubt = {
  SURE = 0.95,
  WRONG = 0.025, -- of all answers
  WORTH = 0.25, -- answers by time, each as a share of all
}

local SMALL = 1e-3 -- chances below it are counted, but nothing is measured for them
local EARLY = 0.1 -- of any rival at least, while a fit is mostly what was believed before

---Says of a question what is known: its best setting, how probably that is wrong, and for which others.
---@param asked specbench.search.question changed
---@param fitted specbench.predict.fitted
---@param tolerance number of the logarithm of a ratio of throughputs
---@param is_early boolean? fewer cells are measured than say anything
function doubt.weigh(asked, fitted, tolerance, is_early)
  local values, best = {}, 1
  for i, place in ipairs(asked.settings) do
    values[i] = math.log(fitted:predict(place).tokens_per_second)
    if values[i] > values[best] then best = i end
  end
  asked.best, asked.wrong, asked.rivals = asked.settings[best], 0, {}
  local own = fitted:covariance(asked.best, asked.best)
  for i, place in ipairs(asked.settings) do
    if i ~= best then
      local variance = own + fitted:covariance(place, place) - 2 * fitted:covariance(asked.best, place)
      variance = math.max(variance, 1e-12)
      local chance = stats.normal_cdf((values[i] - values[best] - tolerance) / math.sqrt(variance))
      chance = is_early and math.max(chance, EARLY) or chance
      asked.wrong = math.min(1, asked.wrong + chance)
      if chance > SMALL then
        table.insert(asked.rivals, { place = place, chance = chance, variance = variance })
      end
    end
  end
end

---@param asked specbench.search.question weighed
---@return boolean
function doubt.is_open(asked)
  return asked.wrong > 1 - doubt.SURE
end

---@param list specbench.search.question[] weighed, all of them
---@param spent number share of the grid's time
---@return boolean
function doubt.is_settled(list, spent)
  local wrong, open = 0, false
  for _, asked in ipairs(list) do wrong, open = wrong + asked.wrong, open or doubt.is_open(asked) end
  return not open or wrong <= math.min(doubt.WRONG, doubt.WORTH * spent) * #list
end

return doubt
