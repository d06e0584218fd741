-- The answer first: whether speculation pays, how sure that is, what to try and what to note.

local html = require "specbench.page.html"
local words = require "specbench.answer.words"

local el = html.el

local section = {}

local CLASSES = { yes = "yes", ["up to"] = "yes", no = "no" }

local function card(judgement)
  local parts = {}
  for _, line in ipairs { words.best(judgement) or false, words.why(judgement) or false } do
    if line then parts[#parts + 1] = el("div", { class = "faint" }, line) end
  end
  return el("li", { class = CLASSES[judgement.answer] or "open" }, el("div", { class = "faint" },
    words.name(judgement)), el("b", nil, words.pays(judgement)), parts)
end

local function points(title, list)
  if #list == 0 then return nil end
  local items = {}
  for i, point in ipairs(list) do items[i] = el("li", nil, html.prose(point.text)) end
  return html.join(el("h3", nil, title), el("ul", nil, items))
end

local function sure_of(self)
  local sure, list = self.answer.sure, {}
  local function add(line) if line then list[#list + 1] = el("li", nil, html.prose(line)) end end
  if sure.places > 0 then
    for _, line in ipairs(words.sure(sure)) do add(line) end
    if sure.ramp_up > 0 then
      add(words.count(sure.ramp_up, "place") .. " mostly measured ramp-up and drain")
    end
    add(words.drift(sure.drift))
  end
  add(words.client(sure, self.answer.measured.cells))
  for _, line in ipairs(words.flagged(sure, self.answer.measured.cells)) do add(line) end
  return #list > 0 and html.join(el("h3", nil, "How sure"), el("ul", nil, list)) or nil
end

---@param self specbench.page.model
---@return specbench.page.markup?
function section.section(self)
  local cards, answer = {}, self.answer
  for i, judgement in ipairs(answer.judgements) do cards[i] = card(judgement) end
  return html.join(#cards > 0 and el("ul", { class = "answers" }, cards) or nil,
    answer.fallback and el("p", { class = "faint" }, "Shown by the ", words.figure(answer.figure), ": ",
      answer.fallback) or nil,
    sure_of(self), not self.progress and points("What to try", answer.try) or nil, points("To note", answer.notes))
end

return section
