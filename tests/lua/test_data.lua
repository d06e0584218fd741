--- Data that are not in the tree: a test that needs them is skipped where $SPECBENCH_TEST_DATA names no folder; in CI
--- it fails.
---
---   local test_data = dofile(require("sb.environment").home .. "/tests/lua/test_data.lua")
---   local folder = test_data(pending, "datasets")

local assert = require "luassert"

---@param pending fun(reason: string) busted's
---@param name string
---@return string path
return function(pending, name)
  local data = os.getenv "SPECBENCH_TEST_DATA"
  if data then return data .. "/" .. name end
  assert.not_equal("1", os.getenv "CI", "SPECBENCH_TEST_DATA is not set")
  pending "SPECBENCH_TEST_DATA is not set"
end
