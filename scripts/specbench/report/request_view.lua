-- A cell's requests as a reader sees them: a line each, or one with its timeline as a small picture.

local foreign = require "specbench.base.foreign"
local request_times = require "specbench.analysis.request_times"
local text_table = require "specbench.base.text_table"

local request_view = {}

local SHADES = " .:-=+*#" -- from no token in a column to the most
local LINE_PICTURE, PICTURE = 32, 72 -- columns
local GAPS = 3          -- the longest ones that are named
local TEXT = 1200       -- bytes of an answer

-- Tokens by time: a column is a share of `span`.
local function picture(points, span, columns)
  local sums, most = {}, 0
  for _, point in ipairs(points) do
    local column = math.min(columns, math.max(1, math.ceil(point.at / span * columns)))
    sums[column] = (sums[column] or 0) + point.tokens
    most = math.max(most, sums[column])
  end
  local shades = {}
  for column = 1, columns do
    local share = (sums[column] or 0) / math.max(most, 1)
    local index = share == 0 and 1 or 1 + math.max(1, math.floor(share * (#SHADES - 1) + 0.5))
    shades[column] = SHADES:sub(index, index)
  end
  return table.concat(shades), most
end

local function figure(value, format)
  return text_table.figure(value, format or "%.1f")
end

-- How long the longest request took, in ms.
local function longest(run, scale)
  local span = 0
  for i = 1, #run do
    local _, times = request_times.of(run:request(i), scale)
    span = math.max(span, times.done or 0)
  end
  return span
end

---A line a request, all timelines on one scale.
---@param run specbench.run
---@param scale number the server's clock runs so many times as fast as ours
---@return string
function request_view.list(run, scale)
  -- each is read twice: all of a cell's at once may be more than there is memory for
  local rows, span = {}, longest(run, scale)
  for i = 1, #run do
    local request = run:request(i)
    local points, times = request_times.of(request, scale)
    rows[i] = {
      i, request.prompt_id, request.outcome == "ok" and request.finish_reason or request.outcome,
      figure(request.tokens, "%d"), figure(times.ttft), figure(times.tpot, "%.2f"), figure(times.e2el, "%.0f"),
      span > 0 and "|" .. picture(points, span, LINE_PICTURE) .. "|" or "",
    }
  end
  local right = text_table.right
  return text_table.render {
    columns = { right "#", right "prompt", { title = "end" }, right "tokens", right "TTFT ms", right "TPOT ms",
      right "E2EL ms", { title = ("tokens over 0 to %.0f ms"):format(span) } },
    rows = rows,
  }
end

local function longest_gaps(points)
  local gaps = {}
  for i = 2, #points do gaps[i - 1] = { ms = points[i].at - points[i - 1].at, at = points[i - 1].at } end
  table.sort(gaps, function(a, b) return a.ms > b.ms or a.ms == b.ms and a.at < b.at end)
  local words = {}
  for i = 1, math.min(GAPS, #gaps) do words[i] = ("%.1f ms at %.0f"):format(gaps[i].ms, gaps[i].at) end
  return table.concat(words, ", ")
end

local function chunks_line(points, tokens)
  local by_size, sizes = {}, {}
  for _, point in ipairs(points) do
    if not by_size[point.tokens] then sizes[#sizes + 1] = point.tokens end
    by_size[point.tokens] = (by_size[point.tokens] or 0) + 1
  end
  table.sort(sizes)
  local words = {}
  for i, size in ipairs(sizes) do words[i] = ("%d x %d"):format(by_size[size], size) end
  return ("%s tokens in %d chunks (%s)"):format(figure(tokens, "%d"), #points, table.concat(words, ", "))
end

---One request: when its tokens came, its longest gaps, its answer.
---@param run specbench.run
---@param i integer from 1
---@param options { scale: number, text: string? } scale: as above; text: the answer where it was kept
---@return string
function request_view.one(run, i, options)
  local request = run:request(i)
  local points, times = request_times.of(request, options.scale)
  local lines = {}
  local function add(format, ...) lines[#lines + 1] = format:format(...) end
  add("Request %d of %d, prompt %d: %s", i, #run, request.prompt_id,
    request.outcome == "ok" and "ended by " .. request.finish_reason
      or ("%s%s"):format(request.outcome, request.error and ": " .. foreign.clean(request.error) or ""))
  add("TTFT %s ms, TPOT %s ms, E2EL %s ms%s", figure(times.ttft), figure(times.tpot, "%.2f"), figure(times.e2el),
    options.scale ~= 1 and (" (of a clock that ran %g times as fast as ours)"):format(options.scale) or "")
  add("%s; %s prompt tokens; counted by %s", chunks_line(points, request.tokens), figure(request.prompt_tokens, "%d"),
    request.token_source)
  if request.draft_tokens and request.accepted_tokens then
    add("%d of %d drafted tokens accepted", request.accepted_tokens, request.draft_tokens)
  end
  local span = times.done
  if times.ttft and span > 0 then
    local drawn, most = picture(points, span, PICTURE)
    add("")
    add("|%s|", drawn)
    local waited = math.min(PICTURE, math.max(1, math.ceil(times.ttft / span * PICTURE)))
    local right = ("%.0f ms"):format(span)
    local first = " 0" .. (" "):rep(math.max(1, waited - 2)) .. "^ first token"
    add("%s%s%s", first, (" "):rep(math.max(1, PICTURE + 2 - #first - #right)), right)
    add("a column is %.1f ms; # is %d tokens", span / PICTURE, most)
  end
  local gaps = longest_gaps(points)
  if gaps ~= "" then add("longest gaps: %s", gaps) end
  if options.text then
    local text = foreign.clean(options.text)
    if #text > TEXT then text = text:sub(1, utf8.offset(text, 0, TEXT) - 1) .. " ..." end
    add("")
    for _, line in ipairs(text_table.wrap(text, PICTURE + 2)) do add("%s", line) end
  end
  return table.concat(lines, "\n") .. "\n"
end

return request_view
