-- Length labels as the reference's files and plots spell them.

local SPELLED = { ["0.125k"] = 125, ["0.25k"] = 256, ["0.5k"] = 512 }

---"0.25k" -> 256, "4k" -> 4000, "256" -> 256
---@param label string|integer
---@return integer? tokens, string? message
return function(label)
  local text = tostring(label)
  local thousands = text:match("^(%d+)k$")
  local tokens = SPELLED[text] or (thousands and thousands * 1000) or math.tointeger(tonumber(text))
  tokens = tokens and math.tointeger(tokens)
  if tokens and tokens > 0 then return tokens end
  return nil, ("'%s' is not a length: say 0.125k, 0.25k, 0.5k, 1k ... or a number of tokens")
    :format(text)
end
