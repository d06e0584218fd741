--- Colours of the heatmaps: the diverging "coolwarm" map, readable ink on it, and ANSI painting.
--
-- The map is interpolated in Msh space as defined by K. Moreland, "Diverging Color Maps for
-- Scientific Visualization" (ISVC 2009): a polar form of CIELAB in which the two ends meet in a
-- light grey without the dark or muddy bands that interpolation in RGB makes.

local colour = {}

local COLD = { 59, 76, 192 }
local WARM = { 180, 4, 38 }
local WHITE_POINT = { 0.95047, 1.0, 1.08883 } -- D65
local LIGHTEST_MIDDLE = 88 -- Moreland's lower bound for M at the centre of a diverging map
local UNSATURATED = 0.05

local function linear_from_srgb(c)
  c = c / 255
  return c <= 0.04045 and c / 12.92 or ((c + 0.055) / 1.055) ^ 2.4
end

local function srgb_from_linear(c)
  c = c <= 0.0031308 and 12.92 * c or 1.055 * c ^ (1 / 2.4) - 0.055
  return math.floor(math.max(0, math.min(1, c)) * 255 + 0.5)
end

local function lab_curve(t)
  return t > (6 / 29) ^ 3 and t ^ (1 / 3) or t / (3 * (6 / 29) ^ 2) + 4 / 29
end

local function lab_curve_inverse(t)
  return t > 6 / 29 and t ^ 3 or 3 * (6 / 29) ^ 2 * (t - 4 / 29)
end

local function msh_from_rgb(rgb)
  local r, g, b = linear_from_srgb(rgb[1]), linear_from_srgb(rgb[2]), linear_from_srgb(rgb[3])
  local fx = lab_curve((0.4124 * r + 0.3576 * g + 0.1805 * b) / WHITE_POINT[1])
  local fy = lab_curve((0.2126 * r + 0.7152 * g + 0.0722 * b) / WHITE_POINT[2])
  local fz = lab_curve((0.0193 * r + 0.1192 * g + 0.9505 * b) / WHITE_POINT[3])
  local l, a, bb = 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)
  local m = math.sqrt(l * l + a * a + bb * bb)
  return m, m > 0 and math.acos(l / m) or 0, math.atan(bb, a)
end

local function rgb_from_msh(m, s, h)
  local l, a, bb = m * math.cos(s), m * math.sin(s) * math.cos(h), m * math.sin(s) * math.sin(h)
  local fy = (l + 16) / 116
  local x = WHITE_POINT[1] * lab_curve_inverse(fy + a / 500)
  local y = WHITE_POINT[2] * lab_curve_inverse(fy)
  local z = WHITE_POINT[3] * lab_curve_inverse(fy - bb / 200)
  return srgb_from_linear(3.2406 * x - 1.5372 * y - 0.4986 * z),
    srgb_from_linear(-0.9689 * x + 1.8758 * y + 0.0415 * z),
    srgb_from_linear(0.0557 * x - 0.2040 * y + 1.0570 * z)
end

--- Hue that the grey middle takes on the side of a saturated end, so that the hue does not swing
--- through foreign colours near the middle (the paper's AdjustHue).
local function hue_towards_grey(m, s, h, grey_m)
  if m >= grey_m then
    return h
  end
  local spin = s * math.sqrt(grey_m * grey_m - m * m) / (m * math.sin(s))
  return h > -math.pi / 3 and h + spin or h - spin
end

--- Colour at `t` of a diverging map whose middle is a light grey.
---@param t number 0 (the cold end) to 1 (the warm end); values outside take the end's colour
---@param cold integer[] red, green and blue of the cold end, 0 to 255
---@param warm integer[]
---@return integer r, integer g, integer b 0 to 255
function colour.diverging(t, cold, warm)
  t = math.max(0, math.min(1, t))
  local cold_m, cold_s, cold_h = msh_from_rgb(cold)
  local warm_m, warm_s, warm_h = msh_from_rgb(warm)
  local grey_m = math.max(cold_m, warm_m, LIGHTEST_MIDDLE)
  local m, s, h, away
  if t < 0.5 then
    m, s, h, away = cold_m, cold_s, cold_h, 1 - 2 * t
  else
    m, s, h, away = warm_m, warm_s, warm_h, 2 * t - 1
  end
  local grey_h = s > UNSATURATED and hue_towards_grey(m, s, h, grey_m) or h
  return rgb_from_msh(grey_m + (m - grey_m) * away, s * away, grey_h + (h - grey_h) * away)
end

--- Colour at `t` of the coolwarm map.
---@param t number 0 (cold blue) to 1 (warm red); values outside take the end's colour
---@return integer r, integer g, integer b 0 to 255
function colour.coolwarm(t)
  return colour.diverging(t, COLD, WARM)
end

--- Colour of a value on a scale.
---@param value number
---@param min number value of the cold end
---@param max number value of the warm end
---@return integer r, integer g, integer b
function colour.of_value(value, min, max)
  return colour.coolwarm(max > min and (value - min) / (max - min) or 0.5)
end

local PALE = 0.42 -- of a colour that is left on white

--- The colour of what is to be read with care.
---@return integer r, integer g, integer b
function colour.pale(r, g, b)
  local function mixed(c) return math.floor(255 + PALE * (c - 255) + 0.5) end
  return mixed(r), mixed(g), mixed(b)
end

--- Ink that reads best on a background, by WCAG 2 relative luminance: above 0.179 black has the
--- larger contrast ratio, below it white has.
---@return "black"|"white"
function colour.ink(r, g, b)
  local luminance = 0.2126 * linear_from_srgb(r)
    + 0.7152 * linear_from_srgb(g)
    + 0.0722 * linear_from_srgb(b)
  return luminance > 0.179 and "black" or "white"
end

---@return string "#rrggbb"
function colour.hex(r, g, b)
  return string.format("#%02x%02x%02x", r, g, b)
end

local CUBE = { 0, 95, 135, 175, 215, 255 } -- levels of xterm's 6x6x6 cube

local function nearest_level(c)
  local best = 1
  for i = 2, #CUBE do
    if math.abs(CUBE[i] - c) < math.abs(CUBE[best] - c) then
      best = i
    end
  end
  return best
end

--- Nearest entry of xterm's 256 colours, from the cube (16-231) or the grey ramp (232-255).
---@return integer index
function colour.xterm256(r, g, b)
  local function distance(r2, g2, b2)
    return (r - r2) ^ 2 + (g - g2) ^ 2 + (b - b2) ^ 2
  end
  local ri, gi, bi = nearest_level(r), nearest_level(g), nearest_level(b)
  local step = math.max(0, math.min(23, math.floor(((r + g + b) / 3 - 8) / 10 + 0.5)))
  local grey = 8 + 10 * step
  if distance(grey, grey, grey) < distance(CUBE[ri], CUBE[gi], CUBE[bi]) then
    return 232 + step
  end
  return 16 + 36 * (ri - 1) + 6 * (gi - 1) + (bi - 1)
end

--- How many colours the output may use.
---@param want boolean|"auto"|nil true: colours in any case; false: none; "auto" or nil: the
---  surroundings decide (a terminal, not TERM=dumb, NO_COLOR unset or empty)
---@param is_tty boolean|nil whether the text goes to a terminal
---@param getenv? fun(name: string): string|nil os.getenv unless told
---@return "truecolor"|"256"|"none"
function colour.depth(want, is_tty, getenv)
  getenv = getenv or os.getenv
  if want == false then
    return "none"
  end
  if want ~= true then
    if not is_tty or (getenv("NO_COLOR") or "") ~= "" or getenv("TERM") == "dumb" then
      return "none"
    end
  end
  local colorterm = getenv("COLORTERM")
  return (colorterm == "truecolor" or colorterm == "24bit") and "truecolor" or "256"
end

--- `text` on a coloured background, in black or white ink. Depth "none" returns it as it is.
---@param text string
---@param depth "truecolor"|"256"|"none"
---@param r integer
---@param g integer
---@param b integer
---@return string
function colour.on_background(text, depth, r, g, b)
  if depth == "none" then
    return text
  end
  local dark = colour.ink(r, g, b) == "black"
  if depth == "truecolor" then
    local level = dark and 0 or 255
    return string.format(
      "\27[48;2;%d;%d;%dm\27[38;2;%d;%d;%dm%s\27[0m", r, g, b, level, level, level, text)
  end
  return string.format(
    "\27[48;5;%dm\27[38;5;%dm%s\27[0m", colour.xterm256(r, g, b), dark and 16 or 231, text)
end

return colour
