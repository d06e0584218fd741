-- Spec-Bench: 480 questions, 80 of each of six tasks.

local file = require "specbench.dataset.file"
local profile = require "specbench.dataset.profile"

local spec_bench = {
  subsets = {
    "all", "conversation", "math-reasoning", "qa", "rag", "summarization", "translation",
  },
}

function spec_bench.task(subset)
  return subset == "all" and "SpecBench_All" or "SpecBench_" .. subset:gsub("-", "_")
end

-- The other categories are MT-Bench's eight, which make up the conversation task.
local TASK_OF = {
  math_reasoning = "math-reasoning", qa = "qa", rag = "rag", summarization = "summarization",
  translation = "translation",
}

local INSTRUCTION = { summarization = "summarization", translation = "translation" }

local function synthetic(request, lengths)
  local rows = {}
  for _, part in ipairs(lengths.parts or { { request.subset, #lengths.prompt_tokens } }) do
    local task, count = part[1], part[2]
    for _ = 1, count do
      local i = #rows + 1
      rows[i] = {
        id = i, tokens = lengths.prompt_tokens[i],
        instruction = INSTRUCTION[task], fields = { task = task },
      }
    end
  end
  return {
    rows = rows,
    source = profile.source("spec-bench", request.subset, "Spec-Bench " .. request.subset),
  }
end

-- The questions before `turn`; nil where it is the first.
local function earlier(turns, turn)
  return turn > 1 and table.move(turns, 1, turn - 1, 1, {}) or nil
end

function spec_bench.load(request)
  local lengths, message = profile.lengths("spec-bench", request.subset)
  if not lengths then return nil, message end
  local turn = request.turn or 1
  if not request.folder then
    if turn > 1 then
      return nil, "spec_bench: turn: later questions need the files (--datasets): their lengths are not known"
    end
    return synthetic(request, lengths)
  end
  local found, opened = file.published_rows(request.folder, ("spec-bench/spec-bench-%s.jsonl"):format(request.subset),
    { turns = "table", category = "string" })
  if not found then return nil, opened end
  local counts, rows = profile.counts(lengths, opened), {}
  for i, row in ipairs(found) do
    if type(row.turns[1]) ~= "string" then
      return nil, ("%s: row %d: turns has no text"):format(opened.path, i)
    end
    local task = TASK_OF[row.category] or "conversation"
    if row.turns[turn] then
      rows[#rows + 1] = {
        id = i, content = row.turns[turn], tokens = turn == 1 and counts and counts[i] or nil,
        instruction = INSTRUCTION[task],
        fields = {
          task = task, category = row.category, question_id = row.question_id, turns = row.turns,
          earlier = earlier(row.turns, turn),
        },
      }
    end
  end
  if #rows == 0 then return nil, ("spec_bench %s: no question has a turn %d"):format(request.subset, turn) end
  return { rows = rows, source = file.source(opened, #rows) }
end

return spec_bench
