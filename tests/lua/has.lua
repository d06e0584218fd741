--- That a text has some parts, letter by letter:
---
---   local has = dofile(require("sb.environment").home .. "/tests/lua/has.lua")
---   has(result.out, "6 of 6 requests; ", "TTFT")

local assert = require "luassert"

return function(text, ...)
  for _, part in ipairs { ... } do assert.truthy(text:find(part, 1, true), part .. " is not in\n" .. text) end
end
