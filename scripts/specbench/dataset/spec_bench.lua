-- Spec-Bench: 480 questions, 80 of each of six tasks.

local file = require "specbench.dataset.file"
local profile = require "specbench.dataset.profile"

local spec_bench = {
  subsets = {
    "all", "conversation", "math-reasoning", "qa", "rag", "summarization", "translation",
  },
}

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

function spec_bench.load(request)
  local lengths, message = profile.lengths("spec-bench", request.subset)
  if not lengths then return nil, message end
  if not request.folder then return synthetic(request, lengths) end
  local opened, found
  opened, message = file.published(request.folder,
    ("spec-bench/spec-bench-%s.jsonl"):format(request.subset))
  if not opened then return nil, message end
  found, message = file.jsonl(opened, { turns = "table", category = "string" })
  if not found then return nil, message end
  local counts, rows = profile.counts(lengths, opened), {}
  for i, row in ipairs(found) do
    if type(row.turns[1]) ~= "string" then
      return nil, ("%s: row %d: turns has no text"):format(opened.path, i)
    end
    local task = TASK_OF[row.category] or "conversation"
    rows[i] = {
      id = i, content = row.turns[1], tokens = counts and counts[i],
      instruction = INSTRUCTION[task],
      fields = {
        task = task, category = row.category, question_id = row.question_id, turns = row.turns,
      },
    }
  end
  return { rows = rows, source = file.source(opened, #rows) }
end

return spec_bench
