-- A server's page of counters, which is asked for before and after each cell's load.

local http = require "specbench.http"
local secrets = require "specbench.base.secrets"

local counters_page = {
  deadline_s = 5, -- a page that takes longer hangs: beside what is measured, every cell would wait for it anew
}

---@param server specbench.server
---@param path string
---@return { body: string }? page
---@return string? message why there is none; of a page that hung once the same again, at once
function counters_page.read(server, path)
  if server.hung_page then return nil, server.hung_page end
  local page, message, code = http.get(server.url .. path, { authorized = true, timeout = counters_page.deadline_s })
  if code ~= "timeout" then return page, message end
  server.hung_page = ("%s did not answer within %g s, and is not asked again while this server is up"):format(
    secrets.url(server.url .. path), counters_page.deadline_s)
  return nil, server.hung_page
end

return counters_page
