-- A server under a profiler: a command put before the server's own, and the files it leaves.

local profile = {}

-- The options that the reference's third round ran nsys with; sampling begins once a 14B model is loaded.
local KNOWN = {
  nsys = {
    "nsys", "profile", "--gpu-metrics-device={gpus}", "--trace=cuda,nvtx", "--cuda-graph-trace=graph",
    "--cuda-memory-usage=true", "--delay=200", "--output={output}",
  },
}

---The command that `name` stands for, or the words of any other one.
---@param name string "nsys", or a command such as "perf record -o {output}"
---@return string[] prefix with {output} and, where it wants them, {gpus} unfilled
function profile.prefix(name)
  if KNOWN[name] then return KNOWN[name] end
  local words = {}
  for word in name:gmatch "%S+" do words[#words + 1] = word end
  return words
end

---@param prefix string|string[]|nil a name, or a command's words; nil: no profiler
---@param argv string[]
---@param gpus integer[]? none: all of them
---@return string[] argv behind the profiler's
function profile.wrap(prefix, argv, gpus)
  if not prefix or #argv == 0 then return argv end
  local words = {}
  for i, word in ipairs(type(prefix) == "string" and profile.prefix(prefix) or prefix) do
    words[i] = word:gsub("{gpus}", gpus and #gpus > 0 and table.concat(gpus, ",") or "all")
  end
  return table.move(argv, 1, #argv, #words + 1, words)
end

return profile
