---@meta sb.environment

--- Where this program and its files are.
local environment = {}

--- The folder that holds scripts/, rounds/ and datasets/.
---@type string
environment.home = nil

--- The path of this program.
---@type string
environment.executable = nil

--- Which specbench this is, such as "0.1.0".
---@type string
environment.version = nil

return environment
