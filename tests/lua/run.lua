-- specbench tests/lua/run.lua [--only PATTERN] SPEC...
--
-- Runs busted specs inside the real runtime, so that they may wait, spawn and measure as any script
-- does. SPEC is a file, or a folder whose *_spec.lua are taken; PATTERN is a Lua pattern for
-- "name_spec.lua: group test". Each test is a task of its own and is cancelled after
-- $SPECBENCH_TEST_SECONDS (120), so that one that hangs fails instead of stopping the rest. Prints
-- TAP; exit status 1 where a test failed, where a spec could not be loaded, or where there was
-- nothing to run.

local fs = require "sb.fs"
local task = require "sb.task"

local TEST_SECONDS = tonumber(os.getenv("SPECBENCH_TEST_SECONDS")) or 120

-- Each spec file gets fresh Lua modules from busted; those in C must not be opened twice.
for name in pairs(package.preload) do
  if name:find("^sb%.") then require(name) end
end
require "cjson"

---@param argv string[]
---@return string[]? files, string? pattern_or_message
local function read_arguments(argv)
  local files, only = {}, nil
  local i = 1
  while i <= #argv do
    if argv[i] == "--only" then
      i = i + 1
      only = argv[i]
      if not only then return nil, "--only needs a pattern" end
    else
      local path = argv[i]
      local found = fs.stat(path)
      if not found then return nil, "no such spec: " .. path end
      if found.type == "folder" then
        for _, name in ipairs(fs.list(path)) do
          if name:find("_spec%.lua$") then files[#files + 1] = path .. "/" .. name end
        end
      else
        files[#files + 1] = path
      end
    end
    i = i + 1
  end
  if #files == 0 then return nil, "usage: specbench tests/lua/run.lua [--only PATTERN] SPEC..." end
  return files, only
end

--- Runs `f` as a task. An error's object is raised again here as it was (busted tells a failure
--- from an error by its metatable), with the task's traceback in `trouble.traceback`.
local function run_as_task(f, trouble)
  local ok, problem
  local worker <close> = task.spawn(function()
    ok, problem = xpcall(f, function(object)
      trouble.traceback = debug.traceback("", 2)
      return object
    end)
  end)
  local _ <close> = task.spawn(function()
    task.sleep(TEST_SECONDS)
    worker:cancel()
  end)
  worker:join()
  if ok == nil then error(("not done after %g s: it was cancelled"):format(TEST_SECONDS), 0) end
  if not ok then error(problem, 0) end
end

local function full_name(busted, element)
  local names, file = {}, ""
  while element do
    if element.descriptor == "file" then
      file = element.name
      break
    end
    table.insert(names, 1, element.name)
    element = busted.parent(element)
  end
  return (file:match("[^/]*$")) .. ": " .. table.concat(names, " ")
end

local function comment(text)
  io.stdout:write("  # ", (tostring(text):gsub("\n", "\n  # ")), "\n")
end

--- Subscribes the printing of results; the counts are in the table returned.
local function report(core, busted)
  local counts = { run = 0, failed = 0, skipped = 0 }
  local trouble = {}

  local function line(ok, name, note)
    counts.run = counts.run + 1
    io.stdout:write(ok and "ok " or "not ok ", counts.run, " - ", name, note or "", "\n")
    io.stdout:flush()
  end

  local function failed(element, _, message)
    if element.descriptor == "it" then
      trouble[element] = trouble[element] or {}
      trouble[element].message = message
    else
      counts.failed = counts.failed + 1
      line(false, full_name(busted, element) .. " (" .. tostring(element.descriptor) .. ")")
      comment(message)
    end
    return nil, true
  end
  core.subscribe({ "failure" }, failed)
  core.subscribe({ "error" }, failed)
  core.subscribe({ "pending" }, function(element, _, message)
    trouble[element] = { message = message }
    return nil, true
  end)

  core.subscribe({ "test", "start" }, function(element)
    local run = element.run
    if element.descriptor == "it" then
      trouble[element] = {}
      element.run = function() run_as_task(run, trouble[element]) end
    end
    return nil, true
  end)

  core.subscribe({ "test", "end" }, function(element, _, status)
    local name, about = full_name(busted, element), trouble[element] or {}
    if status == "success" then
      line(true, name)
    elseif status == "pending" then
      counts.skipped = counts.skipped + 1
      line(true, name, " # SKIP " .. tostring(about.message or ""):gsub("^.-:%d+: ", ""))
    else
      counts.failed = counts.failed + 1
      line(false, name)
      comment(about.message)
      if status == "error" and about.traceback then comment(about.traceback) end
    end
    trouble[element] = nil
    return nil, true
  end)
  return counts
end

--- Registers only the tests whose full name matches.
local function keep_only(core, busted, pattern)
  core.subscribe({ "register", "it" }, function(name)
    local whole = full_name(busted, core.context.get()) .. " " .. name
    return nil, whole:find(pattern) ~= nil
  end, { priority = 1 })
end

local files, only = read_arguments({ ... })
if not files then
  io.stderr:write(only, "\n")
  return 2
end

local core = require "busted.core"()
local busted = require "busted"(core)
local counts = report(core, busted)
if only then keep_only(core, busted, only) end
require "busted.modules.test_file_loader"(core, { "lua" })(files, { "" }, { excludes = {} })
require "busted.execute"(core)(1, {})

io.stdout:write(("1..%d\n# %d tests, %d failed, %d skipped\n"):format(
  counts.run, counts.run, counts.failed, counts.skipped))
return (counts.failed > 0 or counts.run == 0) and 1 or 0
