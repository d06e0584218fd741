---@meta sb.prom

--- Reads Prometheus' text format, as servers show it under /metrics.
local prom = {}

--- Lines that are no sample are passed over.
---@param text string
---@return table<string, number> value by 'name{labels}', labels as the server writes them; just the name where it
---has none
function prom.parse(text) end

return prom
