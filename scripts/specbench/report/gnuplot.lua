--- Runs gnuplot on a script and puts finished pictures in place.
--
-- Only a complete picture ever has the final name: gnuplot writes beside it, then the file is
-- renamed.

local programs = require "specbench.base.program"
local shell = require "specbench.base.shell"

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

-- What draws one file, behind others in the same run of gnuplot.
local function commands_of(file)
  local picture = file.picture
  return table.concat({
    "reset",
    set_terminal(file.kind, picture.width, picture.height),
    "set output " .. gnuplot.quote(file.unfinished),
    ("set pointsize %g"):format(file.kind == "png" and POINT_SIZE * PNG_SCALE or POINT_SIZE),
    picture.script,
    "unset output",
  }, "\n")
end

-- Draws all of the files in one run of gnuplot, half of whose time it takes to begin; or none of them.
local function draw(files, program)
  local script, commands = files[1].path .. ".gp", {}
  for i, file in ipairs(files) do
    os.remove(file.unfinished) -- in a folder from elsewhere they may be links, which would be followed
    commands[i] = commands_of(file)
  end
  os.remove(script)
  local written, message = write_file(script, table.concat(commands, "\n") .. "\n")
  if not written then
    return nil, ("cannot write a picture: %s"):format(message)
  end
  local pipe = assert(io.popen(("%s -d %s 2>&1"):format(shell.quoted(program), shell.quoted(script))))
  local output = pipe:read("a")
  local succeeded = pipe:close()
  os.remove(script)
  for _, file in ipairs(files) do
    if succeeded then
      succeeded, message = os.rename(file.unfinished, file.path)
    else
      os.remove(file.unfinished)
    end
  end
  if succeeded then
    return true
  end
  return nil, message or ("gnuplot could not draw %s: %s"):format(
    files[1].path, last_line_with_text(output) or "it gave no reason")
end

---@class specbench.gnuplot.picture
---@field script string gnuplot commands, without terminal and output
---@field width integer layout units: pixels of the SVG, half a pixel of the PNG
---@field height integer
---@field png? string path
---@field svg? string path
---@field gnuplot? string the program, "gnuplot" unless told

local function files_of(picture)
  local files = {}
  for _, kind in ipairs { "png", "svg" } do
    local path = picture[kind]
    if path then files[#files + 1] = { kind = kind, path = path, unfinished = path .. ".part", picture = picture } end
  end
  return files
end

--- Draws pictures into the files that each names.
---@param pictures specbench.gnuplot.picture[]
---@return integer drawn how many of them, from the first on: all, unless there is a message
---@return string|nil message one line
function gnuplot.render(pictures)
  local files = {}
  for _, picture in ipairs(pictures) do
    local own = files_of(picture)
    table.move(own, 1, #own, #files + 1, files)
  end
  if #files == 0 then
    return #pictures
  end
  local program = pictures[1].gnuplot or "gnuplot"
  if not programs.is_there(program) then
    return 0, ("%s not found: install gnuplot-nox to get pictures"):format(program)
  end
  if draw(files, program) then
    return #pictures
  end
  for i, picture in ipairs(pictures) do -- one by one they tell which it is that cannot be drawn
    for _, file in ipairs(files_of(picture)) do
      local drawn, message = draw({ file }, program)
      if not drawn then return i - 1, message end
    end
  end
  return #pictures
end

return gnuplot
