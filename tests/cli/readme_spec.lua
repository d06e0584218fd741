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

for _, name in ipairs(PAGES) do
  describe(name, function()
    it("is short", function()
      assert.same({ 3, 4 }, { words_of "two words, three", words_of "在 GPU 上，推测解码。" })
      local words = words_of(text_of(name))
      assert.is_true(words < MOST_WORDS, ("%d words"):format(words))
    end)

    it("has links that lead somewhere", function()
      local count = 0
      for link in text_of(name):gmatch "%]%(([^)]+)%)" do
        if not link:find "^https?:" then
          local path, anchor = link:match "^([^#]*)#?(.*)$"
          assert.truthy(fs.stat(environment.home .. "/" .. path), link)
          assert.is_true(anchor == "" or anchors(text_of(path))[anchor], link)
          count = count + 1
        end
      end
      assert.is_true(count > 10)
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
