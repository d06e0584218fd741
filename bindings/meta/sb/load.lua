---@meta sb.load

--- One load against one server, driven in C: Lua plans it, waits, and takes the records. Requests go to an
--- OpenAI-compatible endpoint; each ends as a record, failures included.
local load = {}

---@class sb.Load
local Load = {}

---@class sb.LoadRequest
---@field body string JSON
---@field prompt_id? integer from 0; default: its position from 0
---@field headers? string[] "Name: value", beside the load's
---@field max_tokens? integer what the body asks for: an answer that counts more is marked (tokens_disagree)
---@field prompt_tokens? integer as the prompt's data tell them: figures go by them, and not by the server's count

---@class sb.Arrivals
---@field times? number[] seconds from the load's start, in order, one a request: in place of the rest
---@field kind? "constant"|"poisson"|"gamma" default "poisson"
---@field rate? number requests a second; needed without times
---@field burstiness? number the gamma distribution's shape: under 1 burstier than Poisson; default 1
---@field seed? integer default 0

---@class sb.LoadOptions
---@field url string
---@field requests sb.LoadRequest[] sent in this order
---@field concurrency? integer most requests in flight; needed in a closed loop, no bound by default in an open one
---@field arrivals? sb.Arrivals an open loop: each request is sent at its planned time; default: a closed loop
---@field headers? string[] "Name: value", of every request
---@field id_prefix? string every request carries "X-Request-Id: PREFIX-INDEX", from 0; default: no such header
---@field timeout? number seconds for a whole request, connecting included; default none
---@field first_token_timeout? number seconds from a request's start to its first chunk; default none; not with `whole`
---@field chunk_timeout? number seconds between two chunks, whatever else is sent, or with `whole` between two bytes;
---  default none
---@field cell_timeout? number seconds for the whole load; default none
---@field send_for? number seconds in which requests are sent: the rest is no part of the run; default: all are sent
---@field event_per_token? boolean the engine sends one event a token: count so where nothing better is said; default no
---@field keep_text? boolean records keep the answers' text; default no
---@field whole? boolean the requests ask for one JSON answer, not for a stream; default no
---@field io_threads? integer 1 to 64, default 1: this many event loops, each on a thread of its own, share the streams
---@field own_thread? boolean also a single loop is on a thread of its own, for other loads run beside this one

---@class sb.LoadProgress
---@field total integer requests
---@field sent integer
---@field done integer with any outcome
---@field failed integer
---@field in_flight integer
---@field bytes integer of the bodies of ended requests
---@field tokens integer of the answers of ended requests, where the server told them

--- With one I/O thread the first requests go out before it returns, over connections kept from earlier loads.
--- Several threads make their own connections; requests start in the same order, under the same bound. To be held
--- in a `<close>` variable.
---@param options sb.LoadOptions
---@return sb.Load? load, string? message, string? code "invalid", "io"
function load.start(options) end

--- Waits until every request has ended or the load was cancelled.
---@param seconds? number default: without limit
---@return boolean done false where the time ran out
function Load:wait(seconds) end

---@return sb.LoadProgress
function Load:progress() end

--- How late the client itself was: a 5 ms timer's lateness less the time spent on its own events.
---@class sb.LoadLag
---@field samples integer
---@field p50_ms? number nil where the thread took no sample, as are the next two
---@field p99_ms? number
---@field max_ms? number
---@field busy_max_ms number the most of a lag that the client was at work itself
---@field cpu_share number of one core, 0 to 1: the I/O thread's
---@field real_time boolean the client went before ordinary processes; false where the machine did not let it
---@field threads? sb.LoadLag[] each one's, where there are several I/O threads

--- After the end or a cancel. Of several I/O threads the worst of each figure, samples their sum.
---@return sb.LoadLag? lag nil where the load was too short to tell
function Load:lag() end

--- Why the load ended before all was sent (cell_timeout, or a server that had stopped answering), a line.
---@return string? reason nil where it did not
function Load:given_up() end

--- How far chunks' times may be off.
---@class sb.LoadReads
---@field chunks integer
---@field merged integer came with other events in one read, which may give them the last one's time
---@field unstamped integer have the loop's time and not the kernel's
---@field p99_ms number that 99 % of all chunks came earlier than their time, at most
---@field max_ms number
---@field by_kernel boolean most chunks have the kernel's own time of arrival (plain HTTP)

--- After the end or a cancel. Of several I/O threads the worst; counts are sums.
---@return sb.LoadReads? reads nil where no chunk came
function Load:reads() end

--- How many event loops do the I/O: `io_threads`, but never more than there are streams.
---@return integer
function Load:io_threads() end

--- Ends what is in flight and sends nothing more; the records say "canceled".
function Load:cancel() end

--- The records, once, after the end or a cancel.
---@return sb.Run
function Load:run() end

--- Cancels it and frees what it holds.
function Load:close() end

return load
