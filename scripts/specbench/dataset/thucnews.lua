-- THUCNews: Chinese reports by length, to be polished in one of three styles.

local file = require "specbench.dataset.file"
local profile = require "specbench.dataset.profile"

local thucnews = { task = "polish", subsets = { "0.125k", "0.25k", "0.5k", "1k", "2k", "4k" } }

local STYLES = { "serious", "app", "social" }

function thucnews.load(request)
  local lengths, message = profile.lengths("thucnews", request.subset)
  if not lengths then return nil, message end
  local context, rows = profile.length(request.subset), {}
  if not request.folder then
    for i, tokens in ipairs(lengths.prompt_tokens) do
      rows[i] = { id = i, tokens = tokens, instruction = "polish", fields = { context = context } }
    end
    return {
      rows = rows, styles = STYLES, script = "chinese",
      source = profile.source("thucnews", request.subset, "THUCNews " .. request.subset),
    }
  end
  local found, opened = file.published_rows(request.folder, ("THUCNews/thucnews_%s.jsonl"):format(request.subset),
    { content = "string" })
  if not found then return nil, opened end
  local counts = profile.counts(lengths, opened)
  for i, row in ipairs(found) do
    rows[i] = {
      id = i, content = row.content, instruction = "polish",
      tokens = math.type(row.total_prompt_tokens) == "integer" and row.total_prompt_tokens
        or counts and counts[i],
      fields = { context = context, title = row.title },
    }
  end
  return { rows = rows, styles = STYLES, source = file.source(opened, #rows) }
end

return thucnews
