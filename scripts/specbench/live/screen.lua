-- Draws lines in place on a terminal, again and again, with lines that stay above them.
--
--   local s = screen.new { out = io.stderr, size = function() return width, rows end }
--   s:draw(function(width, rows) return view.lines(state, { width = width, rows = rows }) end)
--   s:line "a line that stays"
--   s:clear()

local screen = {}
screen.__index = screen

---@class specbench.live.screen
---@field drawn integer lines that stand there

---@param options { out: {write: function, flush: function?}, size: fun(): integer, integer } size: columns and rows
function screen.new(options)
  return setmetatable({ out = options.out, size = options.size, drawn = 0 }, screen)
end

-- The cursor stands at the end of the last line that was drawn: back to the beginning of the first, all erased.
local function erase(self)
  if self.drawn == 0 then return "" end
  local up = self.drawn > 1 and ("\27[%dA"):format(self.drawn - 1) or ""
  self.drawn = 0
  return "\r" .. up .. "\27[J"
end

local function write(self, text)
  self.out:write(text)
  if self.out.flush then self.out:flush() end
end

---@param lines_of fun(width: integer, rows: integer): string[]
function screen:draw(lines_of)
  local columns, rows = self.size()
  -- A line that fills the last column makes some terminals wrap, and a screen that is full scrolls.
  local lines = lines_of(columns - 1, rows - 1)
  write(self, erase(self) .. table.concat(lines, "\r\n"))
  self.drawn = #lines
end

---@param text string
function screen:line(text)
  write(self, erase(self) .. text .. "\n")
end

function screen:clear()
  local text = erase(self)
  if text ~= "" then write(self, text) end
end

return screen
