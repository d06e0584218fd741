-- CNN/DailyMail as the reference cut it: reports by length (news), abstracts by the length of the
-- report they came from (highlights), and 120 reports of six lengths in one file (merged).

local fs = require "sb.fs"
local file = require "specbench.dataset.file"
local profile = require "specbench.dataset.profile"

local cnn = {}

-- total_prompt_tokens counts the reference's own instruction too; how long it was depends on the
-- number of reports in the row.
local SURCHARGE = { [1] = 56, [2] = 100, [4] = 200 }

local NEWS_FILE, NEWS = "CNN-DailyMail-News/cnn_dailymail_%s.jsonl", { content = "string" }
local MERGED = { "0.25k", "0.5k", "1k", "2k", "4k", "8k" }

---@param row table of a file
---@param counts integer[]? of the file's table
---@param index integer
---@return integer? tokens of the row's text
local function content_tokens(row, counts, index)
  local surcharge = SURCHARGE[row.how_many_news or 1]
  if math.type(row.total_prompt_tokens) == "integer" and surcharge then
    return row.total_prompt_tokens - surcharge
  end
  return counts and counts[index]
end

local function read_news(folder, relative, lengths)
  local found, opened = file.published_rows(folder, relative, NEWS)
  if not found then return nil, opened end
  local counts, rows = profile.counts(lengths, opened), {}
  for i, row in ipairs(found) do
    rows[i] = {
      id = i, content = row.content, tokens = content_tokens(row, counts, i),
      instruction = "news2highlight",
      fields = { context = row.tokens_range and profile.length(row.tokens_range) },
    }
  end
  return rows, opened
end

-- A file of reports as it is.
local function whole(folder, relative, lengths)
  local rows, opened = read_news(folder, relative, lengths)
  if not rows then return nil, opened end
  return { rows = rows, source = file.source(opened, #rows) }
end

local function synthetic(lengths, fields_of, instruction)
  local rows = {}
  for i, tokens in ipairs(lengths.prompt_tokens) do
    rows[i] = { id = i, tokens = tokens, instruction = instruction, fields = fields_of(i) }
  end
  return rows
end

--- Joins consecutive stories, as many as fit into `limit` tokens, an empty line between them. What
--- is left at the end is too short and dropped.
local function join(stories, limit, counts)
  local rows, group, total = {}, {}, 0
  local function close()
    local parts = {}
    for i, story in ipairs(group) do parts[i] = story.content end
    rows[#rows + 1] = {
      id = group[1].id, content = table.concat(parts, "\n\n"),
      tokens = counts and counts[#rows + 1],
      instruction = "news2highlight", fields = { context = limit, stories = #parts },
    }
    group, total = {}, 0
  end
  for _, story in ipairs(stories) do
    if #group > 0 and total + story.tokens > limit then close() end
    group[#group + 1] = story
    total = total + story.tokens
  end
  if #rows == 0 or #group == rows[#rows].fields.stories then close() end
  return rows
end

--- 4k and 8k: the file of that length where the folder has one, else stories of the 2k file.
local function joined(request, lengths)
  local own = NEWS_FILE:format(request.subset)
  if fs.stat(request.folder .. "/" .. own) then return whole(request.folder, own, lengths) end
  local stories, opened = read_news(request.folder, NEWS_FILE:format "2k", lengths)
  if not stories then return nil, opened end
  for i, story in ipairs(stories) do
    if not story.tokens then
      return nil, ("%s: row %d has no total_prompt_tokens, so it cannot be joined to %s tokens")
        :format(opened.path, i, request.subset)
    end
  end
  local source = file.source(opened, #stories)
  source.joined = "consecutive stories, as many as fit into " .. request.subset
  return {
    rows = join(stories, profile.length(request.subset), profile.counts(lengths, opened)),
    source = source,
  }
end

cnn.news = { task = "news2highlight", subsets = { "0.25k", "0.5k", "1k", "2k", "4k", "8k" } }

function cnn.news.load(request)
  local lengths, message = profile.lengths("cnn-news", request.subset)
  if not lengths then return nil, message end
  if not request.folder then
    local context = profile.length(request.subset)
    return {
      rows = synthetic(lengths, function() return { context = context } end, "news2highlight"),
      source = profile.source("cnn-news", request.subset, "CNN-DailyMail-News " .. request.subset),
    }
  end
  if lengths.joined_stories then return joined(request, lengths) end
  return whole(request.folder, NEWS_FILE:format(request.subset), lengths)
end

cnn.merged = { task = "cnn_merged" }

function cnn.merged.load(request)
  local lengths, message = profile.lengths("cnn-merged", "cnn_merged")
  if not lengths then return nil, message end
  if not request.folder then
    local each = #lengths.prompt_tokens // #MERGED
    return {
      in_order = true, source = profile.source("cnn-merged", "cnn_merged", "Spec-Decode-Merged"),
      rows = synthetic(lengths, function(i)
        return { context = profile.length(MERGED[(i - 1) // each + 1]) }
      end, "news2highlight"),
    }
  end
  local made
  made, message = whole(request.folder, "Spec-Decode-Merged/cnn_merged.jsonl", lengths)
  if made then made.in_order = true end
  return made, message
end

cnn.highlights = { task = "highlight2news", subsets = { "0.25k", "0.5k", "1k", "2k", "4k", "8k" } }

function cnn.highlights.load(request)
  local lengths, message = profile.lengths("cnn-highlights", request.subset)
  if not lengths then return nil, message end
  local expected = profile.length(request.subset)
  if not request.folder then
    return {
      rows = synthetic(lengths, function()
        return { expected_context = expected }
      end, "highlight2news"),
      source = profile.source("cnn-highlights", request.subset,
        "CNN-DailyMail-HighLights " .. request.subset),
    }
  end
  local found, opened = file.published_rows(request.folder,
    ("CNN-DailyMail-HighLights/cnn_dailymail_highlights_%s.jsonl"):format(request.subset), { highlights = "string" })
  if not found then return nil, opened end
  local counts, rows = profile.counts(lengths, opened), {}
  for i, row in ipairs(found) do
    local stated
    stated, message = profile.length(row.expected_context_len or expected)
    if not stated then
      return nil, ("%s: row %d: expected_context_len: %s"):format(opened.path, i, message)
    end
    rows[i] = {
      id = i, content = row.highlights, tokens = content_tokens(row, counts, i),
      instruction = "highlight2news", fields = { expected_context = stated },
    }
  end
  return { rows = rows, source = file.source(opened, #rows) }
end

return cnn
