-- ShareGPT conversations: the first question is the prompt, the first answer's length is the output
-- limit.
--
-- The reference kept questions and answers of 4 tokens and more, questions up to 1024, both
-- together up to 2048; the profile's table says which rows of the published file those are. Another
-- file's tokens cannot be counted here, so its rows are all taken and their counts stay unknown.

local file = require "specbench.dataset.file"
local profile = require "specbench.dataset.profile"

local sharegpt = { task = "ShareGPT" }

-- The published results were made with the order that Python's shuffle gives for this seed.
local REFERENCE_SEED = 12345

local function read(opened)
  local found, message = file.array(opened, { conversations = "table" })
  if not found then return nil, message end
  local turns = {}
  for i, row in ipairs(found) do
    local question, answer = row.conversations[1], row.conversations[2]
    if type(question) == "table" and type(answer) == "table" then
      if type(question.value) ~= "string" or type(answer.value) ~= "string" then
        return nil, ('%s: element %d: a turn has no text in "value"'):format(opened.path, i)
      end
      turns[i] = { question = question.value, answer = answer.value }
    end
  end
  return turns, #found
end

--- Every conversation with a question and an answer, counts unknown.
local function unfiltered(opened, turns, count)
  local rows = {}
  for i = 1, count do
    if turns[i] and turns[i].question ~= "" and turns[i].answer ~= "" then
      rows[#rows + 1] = { id = i, content = turns[i].question, fields = {} }
    end
  end
  if #rows == 0 then return nil, opened.path .. ": no conversation has a question and an answer" end
  return {
    rows = rows, source = file.source(opened, count),
    warning = opened.path .. " is not the published file: its tokens are unknown, so the limits of "
      .. "4, 1024 and 2048 tokens were not applied",
  }
end

function sharegpt.load(request)
  local lengths, message = profile.lengths("sharegpt", "sharegpt")
  if not lengths then return nil, message end
  local opened, turns, count
  if request.path or request.folder then
    if request.path then
      opened, message = file.open(request.path)
    else
      opened, message = file.published(request.folder, "sharegpt_processed_1024.json")
    end
    if not opened then return nil, message end
    turns, count = read(opened)
    if not turns then return nil, count end
    if not profile.counts(lengths, opened) then return unfiltered(opened, turns, count) end
  end
  local rows = {}
  for i, tokens in ipairs(lengths.prompt_tokens) do
    local number = lengths.rows[i] + 1
    rows[i] = {
      id = number, tokens = tokens, content = turns and turns[number].question,
      fields = { answer_tokens = lengths.answer_tokens[i] },
    }
  end
  local order = {}
  for i, position in ipairs(lengths.reference_order) do order[i] = position + 1 end
  return {
    rows = rows, order = order, order_seed = REFERENCE_SEED,
    source = opened and file.source(opened, count)
      or profile.source("sharegpt", "sharegpt", "ShareGPT"),
  }
end

return sharegpt
