-- The page of a results folder while a sweep fills it: a file that is written anew as cells land, and that a browser
-- reads again by itself. No server is needed.
--
--   local written = live_page.new("results/round2", 5)
--   written:update(seen, seen:look())       -- seen: a specbench.live.folder

local clock = require "sb.clock"
local page = require "specbench.page"
local store = require "specbench.results.store"
local study = require "specbench.analysis.study"
local view = require "specbench.live.view"

local live_page = {}

-- A large folder's page takes seconds, which the load's client may need: writing takes one in so many at most.
local REST = 10

---@class specbench.live.page
---@field path string
---@field reload integer seconds between a browser's looks
local Page = {}
Page.__index = Page

---@param folder string results folder
---@param every number seconds between looks
---@return specbench.live.page
function live_page.new(folder, every)
  return setmetatable({ folder = folder, reload = math.ceil(math.max(every, 2)), is_due = true, not_before = 0 }, Page)
end

---Writes the page where there is something new to show; at the end, once more, as one that stays as it is.
---@param seen specbench.live.folder
---@param is_new boolean whether something landed since the last look
---@return string? path where it was written
function Page:update(seen, is_new)
  local begun = clock.now() / 1e9
  self.is_due = self.is_due or is_new or not seen.running
  if not self.is_due or seen.running and begun < self.not_before then return nil end
  local found = study.of(assert(store.open(self.folder)))
  self.path = page.write(found, { html = true, reload = seen.running and self.reload or nil,
    progress = seen.running and view.progress(seen:state()) or nil })[1]
  local now = clock.now() / 1e9
  self.is_due, self.not_before = false, now + REST * (now - begun)
  return self.path
end

return live_page
