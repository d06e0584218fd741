-- The first page, in both languages: short, its links lead somewhere, its round runs, its commands exist. And the
-- library's: what it says of a folder names each of its files.

local environment = require "sb.environment"
local fs = require "sb.fs"

local PAGES = { "README.md", "README.zh.md" }
local MOST_WORDS = 1000

local w

before_each(function() w = dofile(environment.home .. "/tests/cli/world.lua").new() end)
after_each(function() w:remove() end)

local function text_of(name)
  return assert(fs.read(environment.home .. "/" .. name))
end

-- Words between spaces. Chinese has none; most of its words have two characters.
local function words_of(text)
  local characters, rest = 0, {}
  for _, code in utf8.codes(text) do
    local is_han = code >= 0x4e00 and code <= 0x9fff
    local is_wide = is_han or code >= 0x3000 and code <= 0x303f or code >= 0xff00 and code <= 0xffef
    if is_han then characters = characters + 1 end
    rest[#rest + 1] = is_wide and " " or utf8.char(code)
  end
  local words = characters // 2
  for _ in table.concat(rest):gmatch "%S+" do words = words + 1 end
  return words
end

-- As GitHub makes a heading's name.
local function anchors(text)
  local found = {}
  for heading in text:gmatch "\n#+ ([^\n]+)" do
    found[heading:lower():gsub("[^%w%- ]", ""):gsub(" ", "-")] = true
  end
  return found
end

---@return integer count of links within the project, which all lead somewhere
local function check_links(name)
  local count, folder = 0, name:match "^.*/" or ""
  for link in text_of(name):gmatch "%]%(([^)]+)%)" do
    if not link:find "^https?:" then
      local path, anchor = link:match "^([^#]*)#?(.*)$"
      assert.truthy(fs.stat(("%s/%s%s"):format(environment.home, folder, path)), link)
      assert.is_true(anchor == "" or anchors(text_of(folder .. path))[anchor], link)
      count = count + 1
    end
  end
  return count
end

for _, name in ipairs(PAGES) do
  describe(name, function()
    it("is short", function()
      assert.same({ 3, 4 }, { words_of "two words, three", words_of "在 GPU 上，推测解码。" })
      local words = words_of(text_of(name))
      assert.is_true(words < MOST_WORDS, ("%d words"):format(words))
    end)

    it("has links that lead somewhere", function()
      assert.is_true(check_links(name) > 10)
    end)

    it("shows a round that is one, and commands that there are", function()
      w:write("lookups.lua", text_of(name):match "```lua\n(.-)```")
      local result = w:run "check lookups.lua"
      assert.equal(0, result.status, result.err)
      assert.equal("lookups.lua: a round: 9 cells on 3 servers (engine sim)\n", result.out)
      local commands = w:run("help").out
      for block in text_of(name):gmatch "```sh\n(.-)```" do
        for command in block:gmatch "specbench (%l+)" do
          assert.truthy(commands:find("\n  " .. command .. " ", 1, true), command)
        end
      end
    end)
  end)
end

describe("scripts/README.md", function()
  it("names every file of a folder of the library, unless the folder has a page of its own", function()
    local page, count = text_of "scripts/README.md", 0
    for _, folder in ipairs(assert(fs.list(environment.home .. "/scripts/specbench"))) do
      local path = environment.home .. "/scripts/specbench/" .. folder
      if fs.stat(path).type == "folder" and not fs.stat(path .. "/README.md") and folder ~= "dataset" then
        local row = assert(page:match("\n| `" .. folder .. "/` |([^\n]+)"), folder)
        for _, name in ipairs(fs.list(path)) do
          name = name:match "^(.*)%.lua$"
          assert.truthy(row:find("`" .. name .. "`", 1, true), ("%s/%s"):format(folder, name))
          count = count + 1
        end
      end
    end
    assert.is_true(count > 100)
  end)
end)

-- A page that promises an option which is not there would send people of other tools away.
describe("rounds/other_tools.md", function()
  local NAME = "rounds/other_tools.md"

  local function options_of(command)
    local path = ("%s/scripts/cmd/%s.lua"):format(environment.home, command)
    if not fs.stat(path) then return nil end
    local found = {}
    for _, option in ipairs(assert(loadfile(path))().options or {}) do
      found["--" .. option.long] = true
      if option.short then found["-" .. option.short] = true end
    end
    return found
  end

  -- What the page says of ours: the last cell of its tables, and its text.
  local function ours()
    local list = {}
    for line in text_of(NAME):gmatch "[^\n]+" do
      local said = line:find "^|" and line:match "|([^|]*)|%s*$" or line
      for code in said:gmatch "`([^`]+)`" do list[#list + 1] = code end
    end
    return list
  end

  it("has links that lead somewhere", function() assert.is_true(check_links(NAME) > 4) end)

  it("names commands, options, fields and formats that there are", function()
    local rounds, counts = text_of "rounds/README.md", { options = 0, fields = 0 }
    for _, code in ipairs(ours()) do
      local field, value = code:match '^(%l+) = "?([%w_]+)"?$'
      local command = not field and (code:find "^%-" and "measure" or code:match "^%l+$" or code:match "^(%l+) ")
      local options = command and options_of(command)
      if options then
        for option in (" " .. code):gmatch "%s(%-%-?[%a][%w-]*)" do
          assert.truthy(options[option], ("%s: %s has no %s"):format(code, command, option))
          counts.options = counts.options + 1
        end
        local format = code:match "%-%-format (%l+)"
        if format then assert.truthy(w:run("export --help").out:find(format, 1, true), code) end
      elseif field or code:find "^%l+$" then
        assert.truthy(rounds:find(("| `%s` |"):format(field or code), 1, true), code)
        if field == "dataset" then
          assert.truthy(text_of("datasets/README.md"):find(("| `%s` |"):format(value), 1, true), code)
        end
        counts.fields = counts.fields + 1
      end
    end
    assert.is_true(counts.options > 40 and counts.fields > 5, ("%d, %d"):format(counts.options, counts.fields))
  end)
end)
