---@meta sb.measure

--- Runs: the records of one load, and the figures computed from them (runtime/measure/README.md defines each).
local measure = {}

--- `#run` is how many requests it has.
---@class sb.Run
---@operator len: integer
local Run = {}

---@class sb.Slo
---@field ttft? number milliseconds
---@field tpot? number milliseconds
---@field e2el? number milliseconds

---@class sb.Chunk
---@field t integer when it arrived, sb.clock.now's nanoseconds
---@field tokens integer 0 where the server did not say
---@field has_text boolean

--- An event that brought neither text nor tokens.
---@class sb.OtherEvent
---@field t integer when it arrived
---@field chunks integer how many chunks came before it
---@field is_end boolean it was [DONE]

--- Times are sb.clock.now's nanoseconds, 0 where the thing did not happen. What is unknown is absent.
---@class sb.Request
---@field id integer position in the load, from 0
---@field prompt_id integer
---@field t_intended integer the plan's time
---@field t_send integer
---@field t_first_byte integer of the answer's body
---@field t_done integer
---@field http_status integer 0: no answer
---@field outcome "ok"|"connect"|"http"|"body"|"truncated"|"event"|"silence"|"timeout"|"canceled"
---@field finish_reason "none"|"stop"|"length"|"other"
---@field token_source "unknown"|"continuous_usage"|"token_ids"|"timings"|"event_per_token"|"usage_total"
---@field tokens? integer of the answer
---@field max_tokens? integer what the request allowed
---@field tokens_disagree boolean the server's counts contradict each other, or max_tokens
---@field resent boolean sent twice, the server having closed its kept connection: it may have served both
---@field prompt_tokens? integer the server's count
---@field data_prompt_tokens? integer the request's own, of a load that was just run: files do not keep it
---@field completion_tokens? integer the server's count
---@field cached_tokens? integer
---@field draft_tokens? integer
---@field accepted_tokens? integer
---@field error? string one line
---@field text? string where the load kept it
---@field chunks sb.Chunk[]
---@field others sb.OtherEvent[] none of records that an earlier version wrote

--- Reads what Run:encode wrote.
---@param bytes string
---@return sb.Run? run, string? message, string? code "parse"
function measure.decode(bytes) end

--- Whether these bytes are what Run:encode wrote, as their checksum tells: much faster than to decode them.
---@param bytes string
---@return true? ok, string? message, string? code "parse"
function measure.check(bytes) end

---@param percent number between 0 and 100
---@return integer requests that carry this percentile, see sb.Tail
function measure.tail_needs(percent) end

---@class sb.Tail
---@field requests integer that the percentile comes from
---@field needs integer so many would carry it: MLPerf's rule, 99 % confidence (662 for the 99th)
---@field carried boolean
---@field bounds table<string, { low: number?, high: number? }> by latency, milliseconds: where the true percentile
---  lies with 95 % confidence; absent where no value of so few bounds it on that side. Gaps of one answer hang together
---  and count as one

--- The figures by name ("output_throughput", "ttft_ms.p99"); those that the records cannot tell are absent. A name that
--- no figure has raises.
---@param slo? sb.Slo what counts for goodput
---@param tails? number[] percents: what the sample can say of percentiles far out, between 0 and 100
---@return table<string, number|integer|boolean> figures
---@return sb.Tail[]? tails one for each percent that was given
function Run:metrics(slo, tails) end

--- The samples are gathered once for all percentiles that are asked of a run.
---@param latency string "ttft_ms", "itl_token_ms", ...
---@param ... number percents, 0..100
---@return number? ... milliseconds, one a percent; nil where there is no sample
function Run:percentile(latency, ...) end

---@param i integer from 1
---@return sb.Request
function Run:request(i) end

--- The answer of request i without the rest of what is known of it.
---@param i integer from 1
---@return string? text nil where texts were not kept
---@return integer prompt_id
function Run:text(i) end

--- All answers that were kept, as outputs.jsonl has them.
---@return string lines JSON, one an answer: id (from 0), prompt_id, text; an empty line where none was kept
function Run:outputs() end

--- Whether outputs() of both runs is the same, without making it.
---@param other sb.Run
---@return boolean
function Run:same_outputs(other) end

--- Why requests failed.
---@return table<string, integer> count by "outcome: error"
function Run:failures() end

--- How many requests were sent twice, because the server closed a kept connection as they were sent.
---@return integer
function Run:resent() end

--- How many chunks all answers together had.
---@return integer
function Run:chunks() end

---@class sb.Acceptance
---@field steps integer chunks that brought tokens, answers' first ones apart
---@field accepted_tokens integer in these
---@field mean_length number tokens a step, the target's own among them, in steps that no answer's end could cut
---@field per_position number[] of these steps, the share that had position i accepted

--- Draft acceptance as the answers show it, where a chunk is what one step of the engine brought; a step without a
--- draft counts as one whose draft was refused.
---@param k integer tokens of a draft
---@return sb.Acceptance? acceptance nil where the records cannot tell
function Run:acceptance(k) end

--- The records as bytes for a file (texts are left out).
---@return string
function Run:encode() end

--- The same with every time rounded up to the microsecond: of large loads it packs to less than half.
---@return string
function Run:encode_rounded() end

--- The records as JSON, one request a line.
---@return string
function Run:jsonl() end

--- Says that the server's clock ran so many times as fast as the wall's (the simulator); default 1.
---@param scale number above 0
function Run:set_clock_scale(scale) end

--- Puts asterisks in the place of secrets' bytes in answers and errors: to be called before anything is written.
---@param secrets string[]
function Run:redact(secrets) end

return measure
