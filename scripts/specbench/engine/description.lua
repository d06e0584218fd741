--- The engine-neutral server description that a round's `server(c)` returns, checked by name and
--- type.

local base = require "specbench.engine.base"
local nearest = require "specbench.base.nearest"
local tables = require "specbench.base.tables"

local description = {}

-- Every method that some engine has; an unknown one is a slip of the pen, not a missing capability.
description.methods = base.set {
  "none", "draft", "ngram", "ngram_gpu", "suffix", "eagle", "eagle3", "medusa", "mlp_speculator",
  "mtp", "dflash", "dspark",
}

-- Methods that propose with weights of their own.
description.needs_draft = base.set {
  "draft", "eagle", "eagle3", "medusa", "mlp_speculator", "dflash", "dspark",
}

-- ... or may, where the target's own checkpoint has none.
description.may_have_draft = base.set {
  "draft", "eagle", "eagle3", "medusa", "mlp_speculator", "dflash", "dspark", "mtp",
}

local function of_type(name)
  return function(value) return type(value) == name end
end

local function integer(least)
  return function(value)
    return type(value) == "number" and math.tointeger(value) ~= nil and value >= least
  end
end

local function number(least, most)
  return function(value) return type(value) == "number" and value >= least and value <= most end
end

local function model(value)
  if type(value) == "table" then return type(value.name) == "string" end
  return type(value) == "string" and value ~= ""
end

local function list_of(check)
  return function(value)
    if type(value) ~= "table" then return false end
    local count = 0
    for _ in pairs(value) do
      count = count + 1
    end
    if count ~= #value then return false end
    for _, item in ipairs(value) do
      if not check(item) then return false end
    end
    return true
  end
end

local rate = number(0, 1)
local rates = list_of(rate)

local function acceptance(value)
  if type(value) == "number" then return value >= 1 end
  return type(value) == "table" and #value > 0 and rates(value)
end

local function environment(value)
  if type(value) ~= "table" then return false end
  for name, text in pairs(value) do
    if type(name) ~= "string" then return false end
    if text and type(text) ~= "string" and type(text) ~= "number" then return false end
  end
  return true
end

local function batch_range(value)
  return type(value) == "table" and #value == 3 and integer(1)(value[1]) and integer(1)(value[2])
    and value[1] <= value[2] and integer(0)(value[3])
end

local boolean, string_type = of_type "boolean", of_type "string"
local positive, size = "a whole number from 1", integer(1)

-- key -> { what it must be, test }
local keys = {
  model = { "a model's name", model },
  draft = { "a model's name", model },
  method = { "a string", string_type },
  k = { positive, size },
  dtype = { "a string such as \"bfloat16\"", string_type },
  quantization = { "a string such as \"awq\"", string_type },
  tensor_parallel = { positive, size },
  draft_tensor_parallel = { positive, size },
  gpu_memory_utilization = { "a number above 0, at most 1",
    function(value) return number(0, 1)(value) and value > 0 end },
  max_model_len = { positive, size },
  max_num_seqs = { positive, size },
  seed = { "a whole number from 0", integer(0) },
  prompt_lookup_max = { positive, size },
  prompt_lookup_min = { positive, size },
  speculative_max_model_len = { positive, size },
  disable_by_batch_size = { "a whole number from 2", integer(2) },
  k_by_batch_size = { "a list of {first, last, k}", list_of(batch_range) },
  chunked_prefill = { "true or false", boolean },
  prefix_caching = { "true or false", boolean },
  async_scheduling = { "true or false", boolean },
  scheduler_delay_factor = { "a number from 0", number(0, math.huge) },
  multi_step = { positive, size },
  acceptance = { "a length from 1 or a list of rates from 0 to 1", acceptance },
  profile = { "\"nsys\", \"server\", a command, or a list of its words",
    function(value) return string_type(value) and value ~= "" or list_of(string_type)(value) end },
  extra_args = { "a list of strings", list_of(string_type) },
  env = { "a table of names and strings (false unsets)", environment },
}

local function fail(...)
  error("server: " .. string.format(...), 0)
end

local function shown(value)
  if type(value) == "string" then return ("'%s'"):format(value) end
  if type(value) == "table" then return "a table" end
  return tostring(value)
end

local function check_types(server)
  local names = {}
  for name in pairs(server) do
    names[#names + 1] = name
  end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(names) do
    local rule = keys[name]
    if not rule then
      local meant = nearest(tostring(name), tables.keys(keys))
      fail("unknown key '%s'%s (known: %s)", tostring(name), meant and (", did you mean '%s'?"):format(meant) or "",
        base.list(keys))
    end
    if not rule[2](server[name]) then
      fail("%s = %s: must be %s", name, shown(server[name]), rule[1])
    end
  end
end

local function check_acceptance(server)
  local wanted, k = server.acceptance, server.k
  if type(wanted) == "number" then
    if wanted > k + 1 then
      fail("acceptance = %s: a step brings at most k + 1 = %d tokens", base.text(wanted), k + 1)
    end
    return
  end
  if #wanted ~= k then
    fail("acceptance has %d rates: must be k = %d of them, one a position", #wanted, k)
  end
  for i = 2, k do
    if wanted[i] > wanted[i - 1] then
      fail("acceptance: rate %d is above rate %d: unconditional rates never grow", i, i - 1)
    end
  end
end

---Raises one line where the description is malformed.
---@param server table
function description.check(server)
  if type(server) ~= "table" then fail("must be a table, not %s", type(server)) end
  check_types(server)
  if not server.model then fail("model is missing") end
  local method = server.method or "none"
  if not description.methods[method] then
    fail("unknown method '%s' (known: %s)", method, base.list(description.methods))
  end
  if method == "none" then return end
  if not server.k then fail("method '%s' needs k, the draft tokens a step", method) end
  if description.needs_draft[method] and not server.draft then
    fail("method '%s' needs draft, a model's name", method)
  end
  local low, high = server.prompt_lookup_min, server.prompt_lookup_max
  if low and high and low > high then
    fail("prompt_lookup_min = %d is above prompt_lookup_max = %d", low, high)
  end
  if server.acceptance then check_acceptance(server) end
end

return description
