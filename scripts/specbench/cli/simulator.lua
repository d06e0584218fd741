--- `specbench sim` is not Lua: its command table is made from its own --help, so that both say the same.

local shell = require "specbench.base.shell"

local simulator = {}

local SUMMARY = "Serve a simulated LLM with speculative decoding"

---@param text string what `specbench sim --help` prints
---@return specbench.cli.command
function simulator.command(text)
  local command = { name = "sim", summary = SUMMARY, usage = text:match "^usage: specbench sim ([^\n]*)", options = {} }
  for line in text:gmatch "[^\n]+" do
    local long, value, help = line:match "^  %-%-([%w-]+) ?(%S*)%s+(.*)$"
    if long and long ~= "help" then
      table.insert(command.options, {
        long = long, type = value == "" and "flag" or "string", arg = value ~= "" and value or nil, help = help,
      })
    end
  end
  command.description = text:match "\n\n(Faults:.*)$"
  return command
end

---@param program string specbench itself
---@return string text that it prints
function simulator.help(program)
  local pipe <close> = assert(io.popen(shell.quoted(program) .. " sim --help"))
  return pipe:read "a"
end

return simulator
