local fs = require "sb.fs"

local home = require("sb.environment").home
local w

before_each(function()
  w = dofile(home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", w.round())
end)
after_each(function() w:remove() end)

-- Texts of all files below a folder, unpacked.
local function each_text(folder, visit)
  for _, name in ipairs(fs.list(folder)) do
    local path = folder .. "/" .. name
    if fs.stat(path).type == "folder" then
      each_text(path, visit)
    else
      local text = assert(fs.read(path))
      visit(path, name:find "%.gz$" and assert(fs.gunzip(text)) or text)
    end
  end
end

local function assert_hidden(secret, result)
  local files = 0
  each_text(w.folder .. "/results", function(path, text)
    files = files + 1
    assert.is_nil(text:find(secret, 1, true), path)
  end)
  assert.is_true(files > 3)
  assert.is_nil(result.out:find(secret, 1, true))
  assert.is_nil(result.err:find(secret, 1, true))
end

local function command_line_of(pid)
  return assert(fs.read(("/proc/%d/cmdline"):format(pid)))
end

describe("the API key", function()
  local keys = { OPENAI_API_KEY = "sk-from-environment", SPECBENCH_API_KEY_FILE = "key" }

  before_each(function() w:write("key", "sk-from-file\n") end)

  it("is in no file of the results, no output and no command line", function()
    w:faults { "silence@7" }
    w:start("run grid.lua --models models.lua --speed 200 --no-rerun --no-pictures --out results", { env = keys })
    w:eventually("a finished cell", function() return w:count "cells" == 1 end)
    local server = w:servers()[1]
    for _, pid in ipairs { server, w.parent_of(server), w.background } do
      local line = command_line_of(pid)
      assert.truthy(line:find("specbench", 1, true))
      assert.is_nil(line:find("sk-from", 1, true))
    end
    w:signal "INT"
    assert_hidden("sk-from", w:finish())
    w:faults { "http500@3" }
    local result = w:run_grid("", { env = keys })
    assert.equal(3, result.status, result.err)
    assert_hidden("sk-from", result)
  end)

  it("goes to the server, the one of the file first", function()
    local run = "run grid.lua --engine external --only method=none --only concurrency=1 --out results --url "
      .. w:stub {}
    local result = w:run(run, { env = keys })
    assert.equal(0, result.status, result.err)
    assert.equal("Bearer sk-from-file", w:read "authorization")
    assert_hidden("sk-from", result)
    keys.SPECBENCH_API_KEY_FILE = nil
    w:run(run .. " --fresh", { env = keys })
    assert.equal("Bearer sk-from-environment", w:read "authorization")
  end)

  it("whose file cannot be read is told in a line", function()
    local result = w:run_grid("", { env = { SPECBENCH_API_KEY_FILE = "nowhere" } })
    assert.equal(1, result.status, result.err)
    assert.truthy(result.err:find("specbench: cannot read nowhere: No such file or directory", 1, true), result.err)
  end)
end)

describe("secrets of a models file", function()
  before_each(function()
    w:models [[engine_args = { "--api-key", "hidden-argument", "--noise", "0" },
      env = { HF_TOKEN = "hidden-variable", PLAIN = "plain-variable" }]]
  end)

  it("are in no file of the results", function()
    local result = w:run_grid ""
    assert.equal(0, result.status, result.err)
    assert_hidden("hidden-", result)
    local _, text = next(w:cells "cells")
    assert.truthy(text:find('"--api-key", "(redacted)", "--noise", "0"', 1, true), text)
    assert.truthy(text:find('"HF_TOKEN": "(redacted)"', 1, true), text)
    assert.truthy(text:find('"PLAIN": "plain-variable"', 1, true), text)
  end)

  it("are not shown by specbench plan", function()
    local plan = w:run "plan grid.lua --models models.lua --show-argv"
    assert.equal(0, plan.status, plan.err)
    assert.is_nil(plan.out:find("hidden-", 1, true), plan.out)
    assert.truthy(plan.out:find("--api-key '(redacted)' --noise 0", 1, true), plan.out)
    assert.truthy(plan.out:find("HF_TOKEN='(redacted)' PLAIN=plain-variable", 1, true), plan.out)
  end)

  it("are no part of what a cell is: another key measures nothing anew", function()
    assert.equal(0, w:run_grid("--only method=none").status)
    w:models [[engine_args = { "--api-key", "another", "--noise", "0" },
      env = { HF_TOKEN = "another", PLAIN = "plain-variable" }]]
    local again = w:run_grid "--only method=none"
    assert.truthy(again.err:find("nothing to do: all 2 cells are done already", 1, true), again.err)
  end)
end)

describe("hiding secrets", function()
  local secrets = require "specbench.base.secrets"

  it("goes by the option's last word", function()
    assert.same({ "--api-key=(redacted)", "--port", "80" }, secrets.argv { "--api-key=a", "--port", "80" })
    assert.same({ "--api-key", "(redacted)", "(redacted)", "--x" }, secrets.argv { "--api-key", "a", "b", "--x" })
    assert.same({ "--hf_token", "(redacted)" }, secrets.argv { "--hf_token", "a" })
    local plain = { "serve", "--api-key-file", "path", "--max-num-batched-tokens", "512", "--tokenizer", "t" }
    assert.same(plain, secrets.argv(plain))
  end)

  it("leaves what unsets a variable", function()
    assert.same({ API_KEY = false, TOKEN = "(redacted)" }, secrets.env { API_KEY = false, TOKEN = "a" })
  end)

  it("takes name and password out of a URL", function()
    assert.equal("http://(redacted)@host:80/v1", secrets.url "http://me:pass@host:80/v1")
    assert.equal("http://host/a@b", secrets.url "http://host/a@b")
  end)
end)
