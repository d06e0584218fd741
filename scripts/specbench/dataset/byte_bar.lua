-- How far a download is: a line redrawn in place on a terminal, nothing elsewhere.
--
--   local bar = byte_bar.new { out = io.stderr, is_tty = true, width = 80, now = seconds, total = 14e6 }
--   bar:file("THUCNews/thucnews_1k.jsonl")
--   bar:update(12345)      -- bytes of this file
--   bar:file_done(1135970)
--   bar:clear()            -- before a line that stays

local text_table = require "specbench.base.text_table"

local byte_bar = {}
byte_bar.__index = byte_bar

local REDRAW_INTERVAL_S, BAR_WIDTH = 0.1, 20

---@class specbench.dataset.byte_bar_options
---@field out {write: function, flush: function?}
---@field is_tty boolean
---@field width integer columns
---@field now fun(): number monotonic time in seconds
---@field total integer bytes of all files

---@param options specbench.dataset.byte_bar_options
function byte_bar.new(options)
  return setmetatable({
    out = options.out, is_tty = options.is_tty, width = options.width, now = options.now, total = options.total,
    before = 0, name = "",
  }, byte_bar)
end

---@param name string
function byte_bar:file(name)
  self.name = name
  self:draw(0)
end

---@param bytes integer of the current file
function byte_bar:update(bytes)
  if not self.drawn_at or self.now() - self.drawn_at >= REDRAW_INTERVAL_S then self:draw(bytes) end
end

function byte_bar:draw(bytes)
  if not self.is_tty then return end
  self.drawn_at = self.now()
  local done = self.before + bytes
  local fraction = self.total > 0 and math.min(1, done / self.total) or 1
  local filled = math.floor(BAR_WIDTH * fraction)
  local line = ("[%s%s] %3d%%  %.1f/%.1f MB  %s"):format(("#"):rep(filled), ("."):rep(BAR_WIDTH - filled),
    math.floor(100 * fraction), done / 1e6, self.total / 1e6, self.name)
  self.out:write("\r\27[K", text_table.cut(line, self.width - 1))
  self.out:flush()
  self.shown = true
end

---@param size integer of the file that is done, or given up
function byte_bar:file_done(size)
  self.before = self.before + size
end

function byte_bar:clear()
  if self.shown then
    self.out:write "\r\27[K"
    self.out:flush()
  end
  self.shown = false
end

return byte_bar
