---@meta sb.stats

--- What repeats of a cell and of its baseline say (runtime/measure/README.md defines each figure). Values are
--- natural logarithms of ratios, one a repeat: 0 is "as fast as the baseline". What is unknown is absent.
local stats = {}

---@class sb.Interval
---@field count integer repeats, or starts
---@field mean? number
---@field sd? number
---@field dof? number degrees of freedom of the t that it stands on
---@field low? number absent where there are fewer values than `least`
---@field high? number
---@field p? number two-sided, of "the mean is 0"

--- Student's t over repeats.
---@param values number[]
---@param level? number default 0.95
---@param least? integer values that suffice; default 3; 2 for means of starts
---@return sb.Interval
function stats.interval(values, level, least) end

---@class sb.Repeated
---@field values (number|false)[] one a block (a start's mean, or one repeat), every cell as many; false: not measured
---@field baseline? integer numbers of the servers that it ran on, by which cells are told apart that share their starts
---@field server? integer

---@class sb.Moderation
---@field cells integer that were moderated; 0: fewer than six, so that all intervals are plain, and the rest is absent
---@field servers integer pairs of baseline's and method's server among these
---@field prior_sd? number
---@field prior_dof? number
---@field shared_sd? number of what the cells of a pair of servers share in a block; 0: no more than chance shows

--- The moderated t: intervals whose variances borrow from the whole grid's.
---@param cells sb.Repeated[]
---@param level? number default 0.95
---@param least? integer as above
---@return sb.Interval[] intervals
---@return sb.Moderation found
function stats.moderate(cells, level, least) end

--- The interval of a mean that has a further, independent source of error.
---@param interval sb.Interval one that has bounds
---@param variance number of the mean, by that source
---@param dof number degrees of freedom that it is known with
---@param level? number default 0.95
---@return sb.Interval
function stats.widen(interval, variance, dof, level) end

--- Benjamini and Hochberg over a grid; false stands for an absent one, and stays.
---@param p (number|false)[]
---@return (number|false)[] adjusted a new array
function stats.adjust(p) end

---@param interval sb.Interval
---@param adjusted_p? number
---@param tie number half width of the band that counts as equal: 0.02
---@param alpha number false discovery rate: 0.05
---@return "faster"|"slower"|"tie"|"undecided"|"none"
function stats.verdict(interval, adjusted_p, tie, alpha) end

--- One of width and tie.
---@class sb.Stopping
---@field width? number repeat until the interval reaches no further to a side: 0.03
---@field tie? number repeat until a verdict stands, with this tie band; default 0.02
---@field cap? integer repeats at most, 3..20; default 10

--- Whether another repeat is wanted, and an interval that keeps its level although the rule looks again and again.
---@param rule sb.Stopping
---@param values number[] of all repeats so far, in order
---@return { more: boolean, wanted: integer, next: integer, interval: sb.Interval } state next: repeats at the next
---  look, for a cell that stands alone, but not yet among those of its grid
function stats.judge(rule, values) end

--- The prompts that both runs completed: log_ratio is `paired` of this repeat, absent where a pair has no times.
---@param baseline sb.Run
---@param method sb.Run
---@return { count: integer, timed: integer, baseline_only: integer, method_only: integer, identical: integer,
---  log_ratio: number? } identical: answers with the same text
function stats.pair(baseline, method) end

---@alias sb.Bounds { value: number?, low: number?, high: number? }

--- Bootstrap over prompts: what one run or two can tell, which is too little for a verdict.
---@param runs { [1]: sb.Run, [2]: sb.Run }[] baseline, method
---@param seed integer
---@param level? number default 0.95
---@return { total_throughput: sb.Bounds, output_throughput: sb.Bounds, decode: sb.Bounds, paired: sb.Bounds }
function stats.within_run(runs, seed, level) end

--- How far prompts differ in their log ratios, from repeats that all sent the same ones.
---@param runs { [1]: sb.Run, [2]: sb.Run }[] baseline, method; one a repeat
---@return { prompts: integer, variance: number? }? spread between prompts, the repeats' noise taken off; nil where the
---  repeats' prompts are not the same, by their ids, or not all are timed
function stats.between_prompts(runs) end

---@class sb.DecodeSide
---@field tokens_per_step number
---@field step_ms number
---@field waiting number share of the streams' time before first tokens
---@field stalled number share spent on others' prefill
---@field idle number share without a request
---@field first_tokens number all tokens / tokens of decode steps

---@param run sb.Run
---@param tokens_per_step number the engine's, 1 without speculation
---@param chunk_is_step boolean
---@return sb.DecodeSide? side nil where the run cannot tell
function stats.decode_side(run, tokens_per_step, chunk_is_step) end

--- Why the output throughput's ratio is what it is.
---@param baseline sb.DecodeSide
---@param method sb.DecodeSide
---@param measured number the ratio
---@return { tokens: number, step: number, rest: number, product: number, measured: number, unexplained: number }
function stats.decompose(baseline, method, measured) end

--- The standard normal distribution.
---@param z number
---@return number p probability of less than z
function stats.normal_cdf(z) end

return stats
