---@meta sb.proc

--- Server processes. Each runs under a supervisor that ends it, with all it started, when it is stopped, closed or
--- collected, and when specbench dies, however it dies.
local proc = {}

---@class sb.Process
local Process = {}

---@class sb.ProcessOptions
---@field argv string[] the program, looked up in PATH, and its arguments
---@field env? table<string, string|false> changes to this process's environment; false unsets
---@field cwd? string
---@field log? string file that its output is appended to; default: discarded
---@field log_bytes? integer of the log beyond which it is moved to `log` with ".1" behind it, in place of an earlier
---one, and a new one begins; default 64 MiB
---@field trees? string folder where the process and all it starts are noted while they live, so that end_trees finds
---them once specbench and the supervisor were killed; made where it is not there
---@field grace? number seconds from SIGTERM to SIGKILL where no stop says otherwise; default 2

--- A program that does not exist is no error here: its status is "failed". To be held in a `<close>` variable.
---@param options sb.ProcessOptions
---@return sb.Process? process, string? message, string? code where folder or log are unusable
function proc.start(options) end

--- Ends what earlier runs left: each process tree noted in the folder whose supervisor was killed is killed; where the
--- supervisor lives, it is ending its own. To be called again until `running` is 0, while no other specbench uses the
--- folder.
---@param folder string
---@return { ended: integer, running: integer, pid: integer?, elsewhere: string? }? left ended: processes killed now;
---running: still there, `pid` one of them; elsewhere: another machine of which there are notes, to be ended there
---@return string? message, string? code
function proc.end_trees(folder) end

--- A TCP port that nobody holds at this moment.
---@param host? string default "127.0.0.1"
---@return integer? port, string? message, string? code
function proc.free_port(host) end

--- Whether a server could not bind the port now.
---@param host string
---@param port integer
---@return boolean
function proc.port_taken(host, port) end

--- The last lines of a log.
---@param path string
---@param lines? integer default 15
---@param from? integer bytes at the log's beginning that are not looked at, default 0; beyond its end: it was begun
---anew since, and is looked at from its beginning
---@return string? text, string? message, string? code
function proc.tail(path, lines, from) end

--- Waits until the server has exited or failed to start.
---@param seconds? number default: without limit
---@return boolean over false where the time ran out
function Process:wait(seconds) end

--- Waits until no process that it started is left.
---@param seconds? number default: without limit
---@return boolean over false where the time ran out
function Process:wait_end(seconds) end

--- Asks all its processes to end (SIGTERM), and ends them after the grace (SIGKILL). Does not wait.
---@param grace? number seconds; default: as it was started with
function Process:stop(grace) end

---@return "starting"|"running"|"failed"|"exited"|"ended" state
---@return string? why it failed, or "exit code 1", "killed by signal 9 (Killed)"
function Process:status() end

---@return integer pid 0 until it has started
function Process:pid() end

--- Whose socket answers at a port: its own processes', somebody else's (and whose), or not to be seen.
---@param host string the address that is connected to
---@param port integer
---@return "own"|"stranger"|"unknown" who
---@return integer? pid of the stranger
function Process:listener(host, port) end

--- Stops it and forgets it; does not wait.
function Process:close() end

return proc
