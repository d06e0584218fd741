-- The texts of `specbench dataset list` and `show`.

local cache = require "specbench.dataset.cache"
local text_table = require "specbench.base.text_table"

local listing = {}

local SHOWN_COLUMNS = 240 -- of a prompt's text

---@param bytes integer?
---@return string
local function size_text(bytes)
  if not bytes then return "not known" end
  return bytes < 1e6 and ("%.0f kB"):format(bytes / 1e3) or ("%.1f MB"):format(bytes / 1e6)
end

local function state_text(folder, entry)
  local state, bytes = cache.state(folder, entry)
  if state == "there" then return "yes" end
  if state == "begun" then return entry.bytes and ("%d%%"):format(100 * bytes // entry.bytes) or "begun" end
  return state == "wrong" and "wrong size" or "no"
end

---Each published file, what the cache has of it, and each dataset's licence.
---@param manifest table
---@param entries specbench.dataset.file[]
---@param folder string the cache
---@return string
function listing.render(manifest, entries, folder)
  local rows, licences, datasets, bytes, there = {}, {}, {}, 0, 0
  for i, entry in ipairs(entries) do
    local cached = state_text(folder, entry)
    rows[i] = { entry.dataset, entry.subset, entry.rows or "not known", size_text(entry.bytes), cached, entry.file }
    bytes, there = bytes + (entry.bytes or 0), there + (cached == "yes" and 1 or 0)
    if not licences[entry.dataset] then
      datasets[#datasets + 1], licences[entry.dataset] = { entry.dataset, entry.licence }, true
    end
  end
  return text_table.render {
    columns = {
      { title = "dataset" }, { title = "subset" }, text_table.right "rows",
      text_table.right "size", { title = "cached" }, { title = "file" },
    },
    rows = rows,
  } .. ("\n%d of %d files (%s) are in %s\nPublished in %s\n\nLicences:\n"):format(there, #entries, size_text(bytes),
    folder, manifest.tree or manifest.home) .. text_table.render {
    columns = { {}, {} }, rows = datasets, indent = 2,
  }
end

local function about(item)
  local facts = { ("%s tokens"):format(item.tokens or "unknown number of") }
  local function add(format, value)
    if value then facts[#facts + 1] = format:format(value) end
  end
  add("%s", item.task)
  add("instruction %s", item.instruction)
  add("expected answer %d tokens", item.answer_tokens or item.expected_context)
  add("%d bytes", #item.text)
  return ("%s: %s"):format(item.id, table.concat(facts, ", "))
end

local function one_line(text)
  return (text:gsub("%c+", " "))
end

---Some prompts, each with its tokens; then where they are from.
---@param set specbench.prompt_set
---@param full boolean? texts uncut
---@return string
function listing.prompts(set, full)
  local lines = {}
  local function add(format, ...) lines[#lines + 1] = format:format(...) end
  for _, item in ipairs(set.items) do
    add("%s", about(item))
    if full then
      add("%s\n", item.text)
    else
      add("  %s\n", text_table.cut(one_line(item.text), SHOWN_COLUMNS))
    end
  end
  local source = set.source
  if source.kind == "file" then
    add("source: %s (%d rows, sha256 %s)", source.file, source.rows, source.sha256)
  else
    add("source: %s%s", source.note,
      set.dataset ~= "random" and "; --datasets DIR or --datasets cache shows the published prompts" or "")
  end
  if set.unknown_tokens > 0 then add("note: the tokens of %d prompts are unknown", set.unknown_tokens) end
  if set.warning then add("note: %s", set.warning) end
  return table.concat(lines, "\n") .. "\n"
end

return listing
