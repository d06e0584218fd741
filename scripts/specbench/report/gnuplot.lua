--- Runs gnuplot on a script and puts finished pictures in place.
--
-- Only a complete picture ever has the final name: gnuplot writes beside it, then the file is
-- renamed.

local gnuplot = {}

local PNG_SCALE = 2 -- pixels of a PNG per unit of layout, for sharp text on dense screens
local POINT_SIZE = 0.8 -- of a mark in an SVG; a PNG's has to be scaled as all else

--- A gnuplot string literal. Single quotes keep backslashes, back quotes and macros as they are; a
--- line break cannot stand in them.
---@param text string
---@return string
function gnuplot.quote(text)
  return "'" .. text:gsub("[\r\n]+", " "):gsub("'", "''") .. "'"
end

local function shell_quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function set_terminal(kind, width, height)
  if kind == "svg" then
    return ("set terminal svg size %d,%d font 'DejaVu Sans,Helvetica,Arial,sans-serif' "
      .. "fontscale 1.25 noenhanced background '#ffffff'"):format(width, height)
  end
  -- The cairo terminal draws better text; a build without it still has libgd's.
  local size = ("size %d,%d"):format(width * PNG_SCALE, height * PNG_SCALE)
  local common = (" noenhanced font 'DejaVu Sans,12' fontscale %g linewidth %g "
    .. "background '#ffffff'"):format(PNG_SCALE, PNG_SCALE)
  return ("if (strstrt(GPVAL_TERMINALS, 'pngcairo')) { set terminal pngcairo %s } "
    .. "else { set terminal png truecolor %s }"):format(size .. common, size .. common)
end

local function write_file(path, text)
  local file <close>, message = io.open(path, "w")
  if not file then
    return nil, message
  end
  return file:write(text)
end

local function last_line_with_text(output)
  local found
  for line in output:gmatch("[^\n]+") do
    if line:match("%S") and not line:match("^%s*%^%s*$") then
      found = line
    end
  end
  return found
end

--- Draws one picture.
local function draw(kind, path, picture, program)
  local unfinished, script = path .. ".part", path .. ".gp"
  local lines = {
    set_terminal(kind, picture.width, picture.height),
    "set output " .. gnuplot.quote(unfinished),
    ("set pointsize %g"):format(kind == "png" and POINT_SIZE * PNG_SCALE or POINT_SIZE),
    picture.script,
    "unset output",
  }
  os.remove(unfinished) -- in a folder from elsewhere they may be links, which would be followed
  os.remove(script)
  local written, message = write_file(script, table.concat(lines, "\n") .. "\n")
  if not written then
    return nil, ("cannot write a picture: %s"):format(message)
  end
  local pipe = assert(io.popen(("%s -d %s 2>&1"):format(shell_quote(program), shell_quote(script))))
  local output = pipe:read("a")
  local succeeded = pipe:close()
  os.remove(script)
  if succeeded then
    local renamed, why = os.rename(unfinished, path)
    return renamed, why
  end
  os.remove(unfinished)
  return nil, ("gnuplot could not draw %s: %s"):format(
    path, last_line_with_text(output) or "it gave no reason")
end

---@class specbench.gnuplot.picture
---@field script string gnuplot commands, without terminal and output
---@field width integer layout units: pixels of the SVG, half a pixel of the PNG
---@field height integer
---@field png? string path
---@field svg? string path
---@field gnuplot? string the program, "gnuplot" unless told

--- Draws the picture into the files that are named.
---@param picture specbench.gnuplot.picture
---@return true|nil
---@return string|nil message one line
function gnuplot.render(picture)
  local program = picture.gnuplot or "gnuplot"
  if not os.execute(("command -v %s >/dev/null 2>&1"):format(shell_quote(program))) then
    return nil, ("%s not found: install gnuplot-nox to get pictures"):format(program)
  end
  for _, kind in ipairs { "png", "svg" } do
    if picture[kind] then
      local drawn, message = draw(kind, picture[kind], picture, program)
      if not drawn then
        return nil, message
      end
    end
  end
  return true
end

return gnuplot
