local fs = require "sb.fs"
local json = require "specbench.base.json"

local home = require("sb.environment").home
local has = dofile(require("sb.environment").home .. "/tests/lua/has.lua")
local w

before_each(function()
  w = dofile(home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", w.round())
end)
after_each(function() w:remove() end)

local function assert_hidden(secret, result)
  local files = 0
  w.each_text(w.folder .. "/results", function(path, text)
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

local function external(options)
  return ("run grid.lua --engine external --only method=none --only concurrency=1 --restarted --no-pictures "
    .. "--out results --url %s %s"):format(w.stub_url, options or "")
end

describe("a server that quotes the key", function()
  local keys = { OPENAI_API_KEY = "sk-quoted-0123456789" }

  local function check(answers, ...)
    w:stub(answers)
    local result = w:run(external(), { env = keys })
    assert_hidden("sk-quoted", result)
    has(result.err, ...)
    assert.equal("Bearer sk-quoted-0123456789", w:read "authorization")
  end

  it("in a body, an event or an answer leaves it nowhere", function()
    check({ ["1"] = { status = 401, body = "bad key: {key}" }, ["2"] = { status = 401, body = '{"error": "{key}"}' },
      ["3"] = { status = 401, body = ("x"):rep(185) .. "{key}" } }, -- of which errors quote 200 bytes
      "HTTP status 401", "1 failed", "*******", ": it refuses the API key of $OPENAI_API_KEY")
    check({ ["*"] = { events = { '{"error": {"message": "no such key: {key}"}}' } } }, "4 of 4 requests failed")
    check({ ["*"] = { text = "my key is {key}, thank you\0and {key}" } }, "1 measured")
    check({ ["*"] = { header = "{key}" } }, "nothing to do")
    assert.equal(1, w:count "cells")
    local outputs = 0
    w.each_text(w.folder .. "/results/cells", function(path, text)
      if path:find "outputs" then
        outputs = outputs + 1
        has(text, "my key is ********************, thank you\\u0000and ********************")
      end
    end)
    assert.equal(1, outputs)
  end)

  it("where its models are listed is asked with it, and measured", function()
    w:stub { models = { guarded = true } }
    local refused = w:run("measure -n 1 --url " .. w.stub_url, { env = { OPENAI_API_KEY = "" } })
    assert.equal(1, refused.status)
    has(refused.err, "HTTP status 401: ", ": it wants an API key: set $OPENAI_API_KEY, or let $SPECBENCH_API_KEY_FILE")
    assert.is_nil(refused.err:find("not up", 1, true), refused.err)
    local result = w:run(external(), { env = keys })
    assert.equal(0, result.status, result.err)
    assert_hidden("sk-quoted", result)
  end)

  it("in its log, which it does not get from us but may know", function()
    w:write("server", ("#!/bin/sh\necho \"key ${OPENAI_API_KEY-none} file ${SPECBENCH_API_KEY_FILE-none} $@\"\n"
      .. "echo 'sk-quoted-0123456789 is the key' >&2\nexit 3\n"))
    assert(os.execute(("chmod +x '%s'"):format(w.server)))
    local result = w:run_grid("--only method=none", { env = keys })
    assert.equal(3, result.status)
    assert_hidden("sk-quoted", result)
    has(result.err, "key none file none", "(redacted) is the key")
    has(w:read "results/logs/server-001.log", "(redacted) is the key")
  end)
end)

describe("a key's file", function()
  it("of several lines is refused without showing them", function()
    w:write("key", "sk-first-line-123\nsk-second-line-456\n")
    assert(os.execute(("chmod 600 '%s/key'"):format(w.folder)))
    local result = w:run_grid("", { env = { SPECBENCH_API_KEY_FILE = "key" } })
    assert.equal(1, result.status)
    assert.equal("specbench: key must hold the key and nothing else: it has several words or lines\n", result.err)
  end)

  it("that others can read is warned of", function()
    w:write("key", "sk-from-file-123\n")
    for mode, warned in pairs { ["644"] = true, ["640"] = true, ["600"] = false, ["400"] = false } do
      assert(os.execute(("chmod %s '%s/key'"):format(mode, w.folder)))
      local result = w:run_grid("--only method=none --only concurrency=1", { env = { SPECBENCH_API_KEY_FILE = "key" } })
      assert.equal(0, result.status)
      assert.equal(warned, result.err:find("Warning: the key file key can be read by others (mode 0" .. mode
        .. "): chmod 600 it", 1, true) ~= nil, mode)
    end
  end)
end)

describe("what a server or a received folder holds for a terminal", function()
  local EVIL = "a\27[2Jb\7c\8d\rE\xC2\x9B31mf\127g\xE2\x80\xAEh\xFFi"

  it("never reaches it from a body, an event or a log", function()
    w:stub { ["1"] = { status = 500, body = EVIL:gsub("\xFF", "") }, ["2"] = { events = { json.encode { error = {
      message = EVIL:gsub("\xFF", "") } } } } }
    local result = w:run(external())
    assert.equal(3, result.status, result.err)
    has(result.err, "HTTP status 500: a?[2Jb?c?d", "error event: a?[2Jb?c?d", "31mf?g?h")
    w:write("server", "#!/bin/sh\nprintf 'log \\033[2J\\007 \\302\\2331m'\nexit 3\n")
    assert(os.execute(("chmod +x '%s'"):format(w.server)))
    result = w:run("run grid.lua --models models.lua --speed 200 --only method=none --out results2")
    assert.equal(3, result.status)
    has(result.err, "log ?[2J? ?1m")
  end)

  it("never reaches it from results, and neither they nor a round lead out of their folder", function()
    assert.equal(0, w:run_grid("--only method=none --only concurrency=1").status)
    local id = next(w:cells "cells")
    local path = "results/cells/" .. id .. "/cell.json"
    local cell = json.decode(w:read(path))
    cell.checksum, cell.files = nil, nil
    cell.coordinates.method, cell.key, cell.engine.version = EVIL, EVIL, EVIL
    w:write(path, json.encode(cell))
    local about = json.decode(w:read "results/round.json")
    about.checksum, about.title = nil, EVIL
    about.report = { heatmap = { x = "concurrency", y = "method", per = {}, x_title = EVIL } }
    w:write("results/round.json", json.encode(about))
    assert(fs.mkdir(w.folder .. "/results/failed/x-1"))
    cell.key, cell.status, cell.error = "another", "failed", EVIL
    w:write("results/failed/x-1/cell.json", json.encode(cell))
    local reported = w:run "report results --full --no-pictures"
    assert.equal(0, reported.status, reported.err)
    has(reported.out, "Failed: 1 cell (a?[2Jb?c?d?")
    assert.equal(0, w:run("compare results results").status)
    assert.equal(0, w:run("show --json results/cells/" .. id).status)

    cell.status, cell.error = "ok", nil
    cell.reference = { method = "../../..", folder = "evil", task = "t", subtask = "s" }
    w:write(path, json.encode(cell))
    reported = w:run "report results --full --no-pictures"
    assert.equal(3, reported.status, reported.err)
    has(reported.err, "is left out", "reference.method must be the name of a file, not ../../..")
    assert.is_nil(fs.stat(w.folder .. "/Task_evil"))

    cell.reference = nil
    w:write(path, json.encode(cell))
    assert(fs.mkdir(w.folder .. "/elsewhere"))
    assert(os.execute(("cd '%s' && rm -rf results/flags.jsonl && ln -s ../elsewhere/flags results/flags.jsonl")
      :format(w.folder)))
    reported = w:run "report results --full --no-pictures"
    assert.equal(1, reported.status)
    has(reported.err, "results/flags.jsonl is a link or no regular file")
    assert.same({}, fs.list(w.folder .. "/elsewhere"))
  end)

  it("leads no server's log out of its folder by a link", function()
    w:write("kept", "mine")
    assert.equal(0, w:run_grid("--only method=none").status)
    fs.remove(w.folder .. "/results/logs/server-001.log")
    assert(os.execute(("ln -s ../../kept '%s/results/logs/server-001.log'"):format(w.folder)))
    local again = w:run_grid "--fresh"
    assert.equal(1, again.status)
    has(again.err, "results/logs/server-001.log is a link or no regular file")
    assert.equal("mine", w:read "kept")
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
    assert.equal("https://(redacted)@h/?a=1&sig=(redacted)&k=2", secrets.url "https://u:abcdef@h/?a=1&sig=abcdef&k=2")
    local long = { ("x"):rep(1 << 20), "a://" .. ("x"):rep(1 << 20) } -- no scheme is looked for letter by letter
    assert.same(long, secrets.argv(long))
  end)

  it("knows the usual names, and what only leads to a secret", function()
    for _, name in ipairs { "DB_PASS", "PASSWD", "COOKIE", "TOKEN", "MYSQL_PWD", "SECRET_KEY_BASE", "apiKey", "APIKEY",
      "--auth", "GITHUB_PAT", "AWS_SECRET_ACCESS_KEY", "PASSPHRASE", "X-Api-Key", "bearer", "Set-Cookie", "hf_token2",
      "CREDENTIALS", "--ssl-keyfile-password" } do assert.is_true(secrets.hides(name), name) end
    for _, name in ipairs { "PWD", "OLDPWD", "--max-tokens", "--tokenizer", "KEY_FILE", "--api-key-file", "PATH",
      "--token-type", "--author", "--passes", "COOKIE_PATH", "--ssl-keyfile", "MONKEY" } do
      assert.is_false(secrets.hides(name), name)
    end
  end)

  it("finds them in headers, URLs, users, variables and JSON", function()
    for _, case in ipairs {
      { { "-H", "Authorization: Bearer abc123" }, { "-H", "Authorization: (redacted)" } },
      { { "--header=X-Api-Key: abc123" }, { "--header=X-Api-Key: (redacted)" } },
      { { "-H", "Accept: text" }, { "-H", "Accept: text" } },
      { { "--auth", "me:abc123" }, { "--auth", "(redacted)" } },
      { { "--proxy", "http://me:abc123@proxy:80" }, { "--proxy", "http://(redacted)@proxy:80" } },
      { { "--proxy=http://me:abc123@proxy:80" }, { "--proxy=http://(redacted)@proxy:80" } },
      { { "-u", "me:abc123", "x" }, { "-u", "(redacted)", "x" } },
      { { "env", "HF_TOKEN=abc123", "A=b", "python" }, { "env", "HF_TOKEN=(redacted)", "A=b", "python" } },
      { { "--config", '{"api_key": "abc123", "k": 3}' }, { "--config", '{"api_key": "(redacted)", "k": 3}' } },
    } do assert.same(case[2], secrets.argv(case[1])) end
    assert.same({ DATABASE_URL = "postgres://(redacted)@db/x" }, secrets.env { DATABASE_URL = "postgres://me:p@db/x" })
  end)

  it("takes the bytes of what it has hidden out of any text, and no shorter ones", function()
    secrets.argv { "--api-key", "abc%d.+123", "--token", "ab" }
    assert.equal("say (redacted) and ab", secrets.scrub "say abc%d.+123 and ab")
  end)

  it("leaves what unsets a variable", function()
    assert.same({ API_KEY = false, TOKEN = "(redacted)" }, secrets.env { API_KEY = false, TOKEN = "a" })
  end)

  it("takes name and password out of a URL", function()
    assert.equal("http://(redacted)@host:80/v1", secrets.url "http://me:pass@host:80/v1")
    assert.equal("http://host/a@b", secrets.url "http://host/a@b")
  end)
end)

describe("--header", function()
  it("goes with every request, out of a file where it authenticates, and belongs to what was measured", function()
    w:write("tenant.key", "tenant-secret\n")
    local run = "run grid.lua --engine external --only method=none --only concurrency=1 --out results --url "
      .. w:stub {} .. " --header 'X-Tenant: blue' "
    local result = w:run(run .. "--header 'X-Api-Key: @tenant.key'")
    assert.equal(0, result.status, result.err)
    has(w:read "headers", "X-Tenant: blue\n", "X-Api-Key: tenant-secret\n")
    assert_hidden("tenant-secret", result)
    local id = assert(fs.list(w.folder .. "/results/cells"))[1]
    local cell = assert(json.decode(w:read(("results/cells/%s/cell.json"):format(id))))
    assert.same({ "X-Api-Key: (redacted)", "X-Tenant: blue" }, cell.identity.workload.headers)
    assert.equal(0, w:run(run).status)
    assert.equal(2, #fs.list(w.folder .. "/results/cells"))
  end)

  it("refuses what is no header, and secrets on the command line", function()
    for setting, text in pairs {
      ["X-Api-Key: sk-typed-here"] = "X-Api-Key: a command line is no place for a secret: let a file hold it",
      ["Authorization: Bearer sk-typed-here"] = "the key comes from $OPENAI_API_KEY",
      ["no colon"] = "'no colon' is not NAME: VALUE", ["A: two\nlines"] = "is not NAME: VALUE",
      ["Host: a"] = "Host is each request's own to say",
      ["X-Api-Key: @nowhere"] = "nowhere",
    } do
      local result = w:run(("run grid.lua --header '%s'"):format(setting))
      assert.equal(2, result.status, setting)
      assert.equal(1, select(2, result.err:gsub("\n", "")), result.err)
      has(result.err, "--header: ", text)
      assert.is_nil(result.err:find("sk-typed", 1, true))
    end
  end)
end)
