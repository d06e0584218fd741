-- What specbench's words mean: `specbench help WORD` says it, and so does the table of rounds/README.md, which
-- scripts/share/fields.lua makes from this one.

---@type { [1]: string, [2]: string }[] word, meaning
return {
  { "round", "a grid of measurements, described by one Lua file" },
  { "axis", "what varies in a round: method, k, concurrency, task, ..." },
  { "cell", "one measurement: one combination of the axes' values, one repeat, one load" },
  { "place", "a combination of the axes' values, whichever repeat: 6 places x 3 repeats are 18 cells" },
  { "repeat", "a place measured once more, with prompts of its own where the data has enough. Verdicts need three" },
  { "baseline", "the cell without speculation that a method's cell is compared with; it agrees in everything else" },
  { "method", "how tokens are drafted: `draft` (a small model), `ngram` (looked up in the text so far), `eagle`, "
    .. "`medusa`, `mtp`, ...; `none`: not at all" },
  { "k", "tokens drafted per step" },
  { "step", "one forward pass of the model that is served. With speculation it checks k drafted tokens of each request "
    .. "and yields those it accepts and one more" },
  { "acceptance", "the share of drafted tokens that the model accepts; 1 + accepted tokens per draft is the acceptance "
    .. "length" },
  { "load", "how much is asked of a server at a time: `concurrency` requests at once (a closed loop), or a `rate` of "
    .. "requests a second (an open loop)" },
  { "alone", "with one request at a time" },
  { "paired", "the speed-up that verdicts rest on: for each prompt the baseline's time over the method's, up to the "
    .. "same token; the geometric mean over prompts" },
  { "verdict", "faster or slower: the 95 % interval excludes 1, and that survives among all places that are judged at "
    .. "once. Tie: the interval lies within 2 % of 1. Else undecided. With fewer than three repeats: none" },
  { "interval", "`[1.32, 1.45]`: where the true ratio lies with 95 % confidence, over repeats or over starts of the "
    .. "servers" },
  { "start", "a server that is started anew is a little faster or slower than it was, so repeats are spread over "
    .. "several starts; `within one start` speaks of that one alone" },
  { "drift", "how far the baseline's speed moved while all was measured" },
  { "ramp-up", "a load that has not reached its concurrency yet; at its end it drains. A cell that is mostly this is "
    .. "marked `*`: give it more prompts" },
  { "certificate", "each cell's evidence that specbench itself was on time. A client that was late measured its own "
    .. "delay, so do not quote such a cell" },
  { "lossy", "the answers may differ from those without speculation by more than chance" },
  { "salt", "a number at the beginning of each prompt, so that no prefix cache answers it" },
  { "family", "a baseline with all methods that are compared with it: never split over machines" },
  { "unit", "a piece of work for one of several GPUs or workers: a family, or some of its rows" },
  { "dialect", "the requests and counters of an engine, for a server that somebody else started: `external:vllm`" },
  { "profile", "what a simulated model costs: times and acceptance, fitted to published or measured figures" },
  { "virtual time", "the simulator without waiting: hours in seconds, and the same bytes for a seed" },
  { "quarantine", "where cells go that failed three times: they are not tried again until `--quarantine 0`" },
  { "TTFT", "time to first token, from the request's send" },
  { "TPOT", "time per output token after the first, of one answer" },
  { "ITL", "inter-token latency: the gap between chunks (`by chunk`), or that over the chunk's tokens (`by token`)" },
  { "E2EL", "end-to-end latency: from the send to the last token" },
  { "goodput", "requests a second that meet all objectives of `--slo`" },
}
