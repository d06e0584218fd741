-- Words of a POSIX shell's command line.

local shell = {}

---@param text string
---@return string word that the shell reads as just this text
function shell.quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

---The same for readers: in quotes only where it needs them. A placeholder such as {port} needs none.
---@param text string
---@return string word
function shell.word(text)
  if text ~= "" and not text:gsub("{%w+}", ""):find "[^%w%-_./=:,@%%+]" then return text end
  return shell.quoted(text)
end

---@param argv (string|number)[]
---@return string line of words for readers
function shell.line(argv)
  local words = {}
  for i, word in ipairs(argv) do words[i] = shell.word(tostring(word)) end
  return table.concat(words, " ")
end

return shell
