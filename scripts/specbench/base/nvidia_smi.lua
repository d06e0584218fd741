-- nvidia-smi, the program that tells of NVIDIA's GPUs: how it is asked, and its answer read.

local program = require "specbench.base.program"

local nvidia_smi = { NAME = "nvidia-smi" }

---@param name string? what stands in for it
---@param path string? folders with colons; default: PATH
---@return boolean
function nvidia_smi.is_there(name, path)
  return program.is_there(name or nvidia_smi.NAME, path)
end

---@param fields string[] as `nvidia-smi --help-query-gpu` lists them
---@param options { name: string?, gpus: (integer|string)[]?, every_ms: integer? }? name: what stands in for it;
---  gpus: only these; every_ms: it goes on telling until it is stopped
---@return string[] argv words without anything that a shell would take for its own
function nvidia_smi.argv(fields, options)
  options = options or {}
  local argv = { options.name or nvidia_smi.NAME, "--format=csv,noheader,nounits",
    "--query-gpu=" .. table.concat(fields, ",") }
  if options.gpus then argv[#argv + 1] = "--id=" .. table.concat(options.gpus, ",") end
  if options.every_ms then argv[#argv + 1] = "--loop-ms=" .. options.every_ms end
  return argv
end

---Asks, and lets it answer while the caller goes on.
---@param fields string[]
---@return file*? pipe to read the answer from
function nvidia_smi.ask(fields)
  return io.popen(("exec %s 2>/dev/null"):format(table.concat(nvidia_smi.argv(fields), " ")))
end

---@param text string its answer, whatever else stands between the lines
---@param fields string[] what was asked for
---@return table<string, string>[] rows a GPU (or a sample) each: by field what it says, "[N/A]" among it
function nvidia_smi.rows(text, fields)
  local rows = {}
  for line in text:gmatch "[^\n]+" do
    local row, count = {}, 0
    for value in (line .. ", "):gmatch "(.-), " do
      count = count + 1
      row[fields[count] or count] = value:match "^%s*(.-)%s*$"
    end
    if count == #fields then rows[#rows + 1] = row end
  end
  return rows
end

return nvidia_smi
