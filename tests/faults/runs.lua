-- What may go wrong around a run: its servers, its machine, its round file. Data only: faults_spec.lua plays it.
--
-- A row: { name, what happens, prepare(world) or nil, arguments of the command, expected }. The command is a run of
-- two cells unless the row names one. Expected: its exit status, lines that standard error `says`, `cells` kept and
-- `failed`; `mend`: what sets the world right, whereupon the same command measures what is missing.

local rows = {}

local RUN = "run grid.lua --models models.lua --speed 200 --no-rerun --no-pictures --start-pause 0.05 --out results "
  .. "--only method=none "

local function add(name, what, prepare, arguments, expected, options)
  rows[#rows + 1] = { name = name, what = what, prepare = prepare, command = RUN .. arguments, expected = expected,
    options = options or {} }
end

local function command(name, what, prepare, line, expected, options)
  add(name, what, prepare, "", expected, options)
  rows[#rows].command = line
end

local function faults(...)
  local list = { ... }
  return function(w) w:faults(list) end
end

local function mended(w) w:faults {} end

-- A line of shell that every server begins with.
local function before_server(line)
  return function(w)
    w:write("server", (w:read("server"):gsub("#!/bin/sh\n", function(first) return first .. line .. "\n" end, 1)))
    assert(os.execute("chmod +x '" .. w.server .. "'"))
  end
end

-- specbench started by a line of shell, in which "$@" is what it is started with.
local function through(line)
  return function(w)
    w:write("through", "#!/bin/sh\n" .. line .. "\n")
    assert(os.execute("chmod +x '" .. w.folder .. "/through'"))
  end, { program = "./through" }
end

local function with_round(change, by)
  return function(w) w:write("grid.lua", (w.round():gsub(change, by))) end
end

local ALL = { status = 0, cells = 2, failed = 0 }

---- servers
add("request-fails", "a request of a cell is answered with HTTP 500", faults "http500@3", "", { status = 3, cells = 1,
  failed = 1, says = { "1 of 4 requests failed: 1 x http: HTTP status 500" }, mend = mended }, { often = true })
add("requests-fail-differently", "requests of a cell fail in several ways", faults("http500@2", "truncate@3",
  "error-event@4", "not-sse@5"), "", { status = 3, cells = 1, failed = 1, says = { "4 of 4 requests failed" },
  mend = mended })
add("all-fail", "every request fails", faults "http500", "", { status = 3, cells = 0, failed = 2, mend = mended })
add("server-ends-at-start", "the server ends as it starts", faults "nonsense", "", { status = 3, cells = 0,
  failed = 2,
  says = { "start 1 of 3 failed", "3 starts failed; the last", "unknown kind" }, mend = mended }, { often = true })
add("server-never-ready", "the server never gets ready", faults "never-ready", "--ready-timeout 0.5", { status = 3,
  cells = 0, failed = 2, says = { "was not ready after 0.5 s" }, mend = mended })
add("server-late", "the server loads for a while", before_server 'set -- "$@" --load-time 0.3', "", ALL)
add("server-ends-in-a-cell", "the server ends in the first cell; it is started again for the second",
  faults "die@3", "",
  { status = 3, cells = 0, failed = 2, says = { "ended (exit code 1)" }, mend = mended })
add("server-hangs", "the server stops answering", faults "silence:0",
  "--first-token-timeout 0.3 --only concurrency=1",
  { status = 3, cells = 0, failed = 1, says = { "2 x canceled: not sent: the server had stopped answering" } })
add("server-freezes", "the server stands still for half a second, within its deadlines", faults "freeze@3:0.5", "",
  ALL)
add("server-ignores-sigterm", "the server takes no SIGTERM", before_server "trap '' TERM",
  "--stop-timeout 0.3", ALL)
add("server-leaves-children", "the server leaves children, in sessions of their own", before_server
  "(setsid sleep 3600 & echo $! >>started) & sleep 3601 & echo $! >>started", "", ALL)
add("server-forks-twice", "the server runs behind a double fork, its parents gone", before_server
  '[ "$FORKED" ] || { (FORKED=1 setsid "$0" "$@" & ) & wait; exec sleep 3600; }', "", ALL)
add("server-floods-its-log", "the server writes 30 MB to its log as it starts", before_server
  "yes 'a line that says nothing' | head -c 30000000", "", ALL)
add("server-log-for-a-terminal", "a server that fails says so with escape sequences", before_server
  "printf '\\033[2J\\007\\rgone\\n'; exit 7", "", { status = 3, cells = 0, failed = 2, says = { "exit code 7" } })
add("server-without-output", "the server closes its output", before_server "exec >&- 2>&-", "", ALL)
add("server-killed-at-start", "the server is killed as it starts", before_server "kill -KILL $$", "", { status = 3,
  cells = 0, failed = 2, says = { "killed by signal 9" } })
add("server-killed-as-it-loads", "the server is killed while it loads", before_server
  '(sleep 0.2; kill -KILL $$) & set -- "$@" --load-time 60', "", { status = 3, cells = 0, failed = 2,
    says = { "killed by signal 9" } })
add("server-killed-in-the-warm-up", "the server ends in the request that warms it up", faults "die@1:9", "",
  { status = 3, cells = 0, failed = 2, says = { "ended (exit code 9)" }, mend = mended })
add("server-killed-between-cells", "the server is killed between two cells: the second has a new one", with_round(
  "limits = function", [[group = function()
    local started, killed = io.open "started", io.open "killed"
    if started and not killed then
      io.open("killed", "w"):close()
      os.execute("p=$(cat started); kill -KILL $p; while kill -0 $p; do sleep 0.01; done 2>/dev/null; sleep 0.1")
    end
    return "all"
  end,
  %0]]), "", ALL, { often = true })
add("server-killed-as-it-stops", "the server is killed as it is asked to end", before_server(
  [[[ "$INNER" ] || { INNER=1 "$0" "$@" & pid=$!; trap 'kill -KILL $pid $$' TERM; wait; }]]), "", ALL)
add("server-stops-itself", "the server is stopped by SIGSTOP as it starts", before_server "kill -STOP $$",
  "--ready-timeout 0.5 --stop-timeout 0.2", { status = 3, cells = 0, failed = 2, says = { "was not ready" } })
add("no-program", "the server's program is not there", function(w)
  w:write("models.lua", "return { ['qwen2.5-7b'] = { binary = 'no-such-server' } }\n")
end, "", { status = 1, says = { "no program 'no-such-server'" } }, { often = true })
add("no-interpreter", "the server's script names an interpreter that is not there", function(w)
  w:write("server", "#!/no/such/interpreter\n")
  assert(os.execute("chmod +x '" .. w.server .. "'"))
end, "", { status = 3, cells = 0, failed = 2, says = { "the interpreter that its first line names is missing" } })
add("not-executable", "the server's program is a file that is no program", function(w)
  assert(os.execute("chmod -x '" .. w.server .. "'"))
end, "", { status = 1, says = { "is not a program that can be run" } })
add("program-is-a-folder", "the server's program is a folder", function(w)
  assert(os.execute(("rm '%s' && mkdir '%s'"):format(w.server, w.server)))
end, "", { status = 3, cells = 0, failed = 2, says = { "cannot start" } })
command("nobody-serves", "nobody serves at --url", nil, "run grid.lua --engine external --url http://127.0.0.1:1 "
  .. "--out results --no-pictures", { status = 1, says = { "the server is not up" } })

---- the machine
for fd, name in pairs { [0] = "input", "output", "error" } do
  local prepare, options = through(('exec specbench "$@" %d>&-'):format(fd))
  add("no-standard-" .. name, ("standard %s is closed"):format(name), prepare, "", ALL, options)
end
do
  local prepare, options = through 'ulimit -n 20; exec specbench "$@"'
  add("few-descriptors", "twenty descriptors are all there are", prepare, "", { status = 3, cells = 0, failed = 2,
    says = { "Too many open files" } },
    options)
  prepare, options = through "trap '' XFSZ; ulimit -f 2; exec specbench \"$@\""
  add("disk-full", "no file may grow beyond a kilobyte or two, as on a full disk", prepare, "", { status = 1,
    cells = 0, says = { "File too large" }, mend = (through 'exec specbench "$@"') }, options)
  prepare, options = through "ulimit -f 2; exec specbench \"$@\""
  add("disk-full-by-signal", "the same where the kernel sends SIGXFSZ", prepare, "", { status = 1, cells = 0,
    says = { "File too large" }, mend = (through 'exec specbench "$@"') }, options)
  prepare, options = through('exec env -i HOME=/nonexistent SPECBENCH_HOME="$SPECBENCH_HOME" '
    .. '"$(command -v specbench)" "$@"')
  add("bare-environment", "an environment without PATH, HOME and TERM", prepare, "", ALL, options)
end
-- Calls that fail from the n-th on, by tests/cli/failing_call.c; and a clock that is set, by set_clock.c.
local function interposed(name, what, library, variables, expected)
  local prepare, options = through(('exec env LD_PRELOAD="$%s" %s specbench "$@"'):format(library, variables))
  options.needs = library
  if expected.status ~= 0 then
    expected.mend = through 'exec specbench "$@"'
  end
  add(name, what, prepare, "", expected, options)
end
interposed("no-space", "the disk is full from a moment in the first cell on", "SPECBENCH_TEST_FAILING_CALL",
  "FAIL_KIND=write FAIL_AT=6 FAIL_ON=1", { status = 1, says = { "No space left on device" } })
interposed("sync-fails", "the disk fails as it is synced", "SPECBENCH_TEST_FAILING_CALL",
  "FAIL_KIND=fsync FAIL_AT=4 FAIL_ON=1", { status = 1, says = { "Input/output error" } })
interposed("rename-fails", "the disk fails as a file gets its name", "SPECBENCH_TEST_FAILING_CALL",
  "FAIL_KIND=rename FAIL_AT=2 FAIL_ON=1", { status = 1, says = { "Input/output error" } })
interposed("clock-set-again-and-again",
  "the machine's clock is set an hour ahead, back and ahead again, thousands of times a second",
  "SPECBENCH_TEST_SET_CLOCK", "SET_BY=3600 SET_EVERY_US=40",
  { status = 0, cells = 2, failed = 0, times = true, void = 0.2 })
interposed("clock-set-back", "the machine's clock is set back by a day in the middle of the run",
  "SPECBENCH_TEST_SET_CLOCK", "SET_BY=-86400 SET_AFTER_MS=250", { status = 0, cells = 2, failed = 0, times = true })
local function environment(name, what, env, expected, arguments)
  add(name, what, nil, arguments or "", expected or ALL, { env = env })
end
environment("no-tmp", "TMPDIR names a folder that is not there", { TMPDIR = "/no/such/folder" })
environment("no-home", "HOME names a folder that is not there", { HOME = "/no/such/folder" })
environment("strange-locale", "a locale that is not there, with a comma for a point", { LC_ALL = "de_XX.UTF-8" })
environment("lua-init", "LUA_INIT holds code", { LUA_INIT = "error 'not here'", LUA_INIT_5_4 = "os.exit(9)" })
environment("lua-path", "LUA_PATH and LUA_CPATH lead elsewhere", { LUA_PATH = "/nowhere/?.lua",
  LUA_CPATH = "/nowhere/?.so" })
environment("proxy", "a proxy for everything, where nobody listens", { http_proxy = "http://127.0.0.1:1",
  ALL_PROXY = "http://127.0.0.1:1" })
environment("key-of-two-lines", "the key has two lines", { OPENAI_API_KEY = "a\nb" }, { status = 1 })
environment("key-of-60-kb", "the key has 60,000 bytes, more than a server reads", { OPENAI_API_KEY = ("k"):rep(60000) },
  { status = 1, says = { "the API key in the environment has 60000 bytes" } })
environment("no-key-file", "the file with the key is not there", { SPECBENCH_API_KEY_FILE = "/no/key" }, { status = 1,
  says = { "/no/key" } })
environment("absurd-columns", "a terminal of no columns", { COLUMNS = "0", TERM = "nonsense" })
environment("log-level-unknown", "SPECBENCH_LOG says nonsense", { SPECBENCH_LOG = "nonsense" })
add("out-is-a-file", "--out is a file", function(w) w:write("results", "mine\n") end, "", { status = 1,
  says = { "results" } })
add("out-below-a-file", "--out is below a file", function(w) w:write("taken", "mine\n") end, "--out taken/results",
  { status = 1, says = { "taken" } })
add("out-in-proc", "--out is where nothing can be written", nil, "--out /proc/results", { status = 1,
  says = { "/proc/results" } })
add("out-holds-other-things", "--out holds files of somebody's", function(w)
  assert(require("sb.fs").mkdir(w.folder .. "/results"))
  w:write("results/thesis.tex", "mine\n")
end, "", { status = 1, says = { "is not empty and holds no results" } })
add("out-too-long", "--out is longer than a path may be", nil, "--out " .. ("x"):rep(5000), { status = 1 })

---- what a command line may say
local PLAN = "plan grid.lua --out results "
local KEY = "sk-canary-7d41c0ffee9b" -- world.lua looks for it in all that is written or shown
local function usage(name, what, line, says)
  command(name, what, nil, line, { status = 2, says = { says } })
end
usage("terminal-in-a-number", "an option's number is escape sequences: shown without them",
  PLAN .. "--repeats \"$(printf '\\033[2J\\007\\233')\"", "--repeats needs a whole number, not '?[2J??'")
usage("terminal-in-a-command", "the command is none, with escape sequences in its name",
  "\"$(printf 'run\\033[2J')\"", "no command 'run?[2J'")
usage("empty-option", "an option's text is empty", PLAN .. "--slo ''", "--slo needs TTFT=MS,TPOT=MS, not an empty text")
usage("no-objective", "--slo names nothing", PLAN .. "--slo ,", "names no objective")
usage("unit-unshared", "a piece of shared work where nothing is shared", PLAN .. "--unit x", "--unit names a piece")
usage("tokenizer-no-address", "--tokenizer is no address", PLAN .. "--engine vllm --tokenizer x", "--tokenizer: 'x'")
usage("address-with-password", "an address that cannot be used, with a password: not repeated",
  PLAN .. "--engine external --url http://me:" .. KEY .. "@x:0", "(redacted)@x:0")
add("key-in-a-body", "--body carries a key", nil, "--body api_key=" .. KEY .. " --body 'x={\"token\": \"" .. KEY
  .. "\"}'", ALL)
add("key-in-a-profiler", "--profile carries a key", nil, "--profile 'env API_KEY=" .. KEY .. "'", ALL)
command("key-in-a-mirror", "--mirror carries a password and a token", nil,
  ("dataset fetch cnn_merged --mirror 'http://me:%s@127.0.0.1:1/?token=%s'"):format(KEY, KEY),
  { status = 1, says = { "(redacted)@127.0.0.1:1/?token=(redacted)" } }, { env = { XDG_CACHE_HOME = "cache" } })
command("key-in-an-error", "a script's error is the key", nil, "-e 'error(os.getenv \"OPENAI_API_KEY\")'", { status = 1,
  says = { "(command line):1: (redacted)" } })
usage("deadline-of-ages", "a deadline of 10^23 s", PLAN .. "--cell-timeout 99999999999999999999999",
  "--cell-timeout needs a number from 0.1 to 31536000")
usage("requests-without-end", "10^15 requests", "measure --url http://127.0.0.1:1 -n 1000000000000000",
  "needs a whole number from 1 to 1000000")
command("prompts-without-end", "10^15 prompts a stream", nil, PLAN .. "--prompts-per-stream 1000000",
  { status = 1, says = { "2000000 in a cell, more than 1000000" } })
for _, bound in ipairs { { "count", 1000000 }, { "tokens", 10000000 }, { "max_tokens", 10000000 } } do
  local field, most = table.unpack(bound)
  command("round-huge-" .. field, ("a round says %s = 2^53"):format(field),
    with_round("([ {]" .. field .. " =) %d+", "%1 9007199254740992"), RUN,
    { status = 1, says = { field .. " = 9007199254740992: must be a whole number from 1 to " .. most } })
end
command("round-nan", "an axis has NaN for a value", with_round("{ 1, 2 } }", "{ 1, 0/0 } }"), RUN, { status = 1,
  says = { "must be a string, a number or a boolean" } })
command("round-title", "a round's title is escape sequences", with_round('name = "grid"',
  'name = "grid", title = "\\27[2J"'), RUN, { status = 1, says = { "title", "has no control character" } })
command("round-long-word", "a method is a word of a megabyte", with_round("method = c.method",
  'method = ("x"):rep(1 << 20)'), RUN, { status = 1, says = { "method" } })
command("round-gpus", "a server wants 2^53 GPUs", with_round("method = c.method",
  "method = c.method, tensor_parallel = 1 << 53"), RUN, { status = 1, says = { "a whole number from 1 to 1024" } })
command("profile-of-itself", "the simulator's profile extends itself", function(w)
  w:write("x.json", '{"extends": "x"}')
end, "run grid.lua --virtual --model qwen2.5-7b=x.json --only method=draft --no-pictures --out results", { status = 3,
  cells = 0, says = { "4 deep at most" } })
command("round-huge-text", "a round wants 10^6 prompts of 10^6 tokens", with_round("tokens = 20, count = 4",
  "tokens = 1000000, count = 1000000"), RUN, { status = 1, says = { "are more than 100000000 tokens" } })

---- files that a command line names
local function named(name, make, line, says)
  command("file-" .. name, ("`%s`, where x is %s"):format(line, make[1]), function(w)
    assert(os.execute(("cd '%s' && %s"):format(w.folder, make[2])))
  end, line, { status = 1, says = { says } })
end
local PIPE = { "a pipe that nobody writes to", "mkfifo x x.lua" }
local ENDLESS = { "a device without end", "ln -s /dev/zero x" }
named("models-pipe", PIPE, PLAN .. "--models x", "x: must return a table")
named("round-pipe", PIPE, "plan ./x.lua", "./x.lua returns no round")
named("engine-pipe", PIPE, PLAN .. "--engine ./x.lua", "./x.lua")
named("prompts-pipe", PIPE, "dataset show jsonl --path x", "x: no rows")
named("convert-pipe", PIPE, "convert medusa x y", "x: not a file")
named("compare-pipe", PIPE, "compare x x", "x is not JSON")
named("models-endless", ENDLESS, PLAN .. "--models x", "it is no file and gives more than 256 MiB")
named("prompts-endless", ENDLESS, "dataset show jsonl --path x", "it is no file and gives more than 256 MiB")
add("key-pipe", "the file with the key is a pipe that nobody writes to", function(w)
  assert(os.execute(("mkfifo '%s/key'"):format(w.folder)))
end, "", ALL, { env = { SPECBENCH_API_KEY_FILE = "key" } })
add("key-huge", "the file with the key has 20 MB in one word", function(w)
  assert(os.execute(("head -c 20000000 /dev/zero | tr '\\0' k >'%s/key'"):format(w.folder)))
end, "", { status = 1, says = { "key holds no key: it has 20000000 bytes" } },
  { env = { SPECBENCH_API_KEY_FILE = "key" } })

---- signals
for _, signal in ipairs { "INT", "TERM", "HUP" } do
  add("signal-" .. signal:lower(), ("SIG%s in the middle of a cell"):format(signal), faults "silence@3", "", {
    signal = signal, status = signal == "HUP" and 129 or 130, cells = 0, mend = mended })
end
add("killed", "SIGKILL in the middle of a cell", faults "silence@3", "", { signal = "KILL", status = 137, cells = 0,
  mend = mended })
add("stopped", "SIGSTOP for a second while a server starts, then SIGCONT", before_server
  'set -- "$@" --load-time 1', "", { signal = "STOP", status = 0, cells = 2 })

---- the round
local function round(name, what, change, by, says)
  command("round-" .. name, what, with_round(change, by), RUN, { status = 1, says = { says } })
end
round("syntax", "a round that is no Lua", "return bench", "return return bench", "grid.lua:3")
round("raises", "a round whose function raises", "server = function%(c%)", "server = function(c) error 'boom'",
  "boom")
round("raises-a-table", "a round whose function raises a table", "server = function%(c%)",
  "server = function(c) error { 1 }", "server(method=none, concurrency=1): an error was raised that is a table")
round("recursion", "a round whose function calls itself for ever", "server = function%(c%)",
  "server = function(c) local function f() return 1 + f() end f()", "stack overflow")
round("exits", "a round that calls os.exit(0)", "return bench", "os.exit(0) return bench", "os.exit")
round("returns-nothing", "a round that returns nothing", "return bench", "local _ = bench", "grid.lua")
round("function-in-a-body", "a function in a request's body", "max_tokens = 8", "max_tokens = 8, top_p = print",
  "top_p")
round("endless-axis", "an axis that is a table of tables",
  '"none", "draft"', '{ "none" }, { "draft" }', "a table: must be a string")
round("zero-in-a-name", "a NUL in the round's name", 'name = "grid"', 'name = "gr\\0id"', "name")
round("leaves-its-folder", "a round named ../../evil", 'name = "grid"', 'name = "../../evil"', "name")
command("round-precompiled", "a round that is precompiled Lua", function(w)
  w:write("grid.lua", string.dump(load "return 1"))
end, RUN, { status = 1, says = { "grid.lua" } })
command("round-folder", "a round that is a folder", function(w)
  assert(os.execute(("rm -f '%s/grid.lua' && mkdir '%s/grid.lua'"):format(w.folder, w.folder)))
end, RUN, { status = 2, says = { "grid.lua is a folder, not a round" } })
command("round-absent", "a round that is not there", nil, "run nowhere.lua", { status = 2,
  says = { "no round nowhere" } })

return rows
