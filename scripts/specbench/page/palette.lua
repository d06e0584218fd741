-- Colours: of ratios on two diverging scales that the reader chooses between, and of lines that stay apart for
-- colour-blind readers.

local colour = require "specbench.report.colour"

local palette = {
  STEPS = 32, -- a scale's colours are classes f0 to f32; f16 is the middle
  LINES = 8, -- classes s1 to s8
}

-- Coolwarm is the reference's. Blue and orange of the same lightness stay apart where red and green do not.
local SCALES = {
  { name = "coolwarm", title = "cool-warm", at = colour.coolwarm },
  { name = "blueorange", title = "blue-orange (colour-blind safe)", at = function(t)
    return colour.diverging(t, { 0, 85, 145 }, { 190, 85, 0 })
  end },
}

palette.scales = SCALES

-- Okabe and Ito, 2008; light ones for a dark ground.
local LINES = { "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#606060" }
local LINES_DARK = { "#4aa8e0", "#f28a4b", "#2fc79a", "#e3a1c6", "#f0b93a", "#8fd0f5", "#c2a468", "#a8a8a8" }

---@param ratio number
---@param reach number the ratio that has the warmest colour; 1 / reach has the coldest
---@return integer step 0..STEPS
function palette.step(ratio, reach)
  local t = 0.5 + 0.5 * math.log(ratio) / math.log(reach)
  return math.floor(math.max(0, math.min(1, t)) * palette.STEPS + 0.5)
end

---@param i integer from 1
---@return string class of the i-th line
function palette.line(i)
  return "s" .. ((i - 1) % palette.LINES + 1)
end

---@return string rules of all these classes
function palette.css()
  local rules = {}
  for _, scale in ipairs(SCALES) do
    local root = (':root[data-palette="%s"] '):format(scale.name)
    for i = 0, palette.STEPS do
      local r, g, b = scale.at(i / palette.STEPS)
      rules[#rules + 1] = ("%s.f%d>rect{fill:%s}%s.f%d>text{fill:%s}"):format(root, i, colour.hex(r, g, b), root, i,
        colour.ink(r, g, b) == "black" and "#111" or "#fff")
    end
  end
  local dark = {}
  for i = 1, palette.LINES do
    rules[#rules + 1] = (".s%d{--c:%s}"):format(i, LINES[i])
    dark[i] = (".s%d{--c:%s}"):format(i, LINES_DARK[i])
  end
  rules[#rules + 1] = "@media(prefers-color-scheme:dark){" .. table.concat(dark) .. "}"
  return table.concat(rules, "\n")
end

return palette
