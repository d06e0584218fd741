---@meta
-- The tables that scripts, rounds and engines' files hand to the library. Made from their shapes by
-- `specbench scripts/share/fields.lua`; nothing loads this file at run time.

---From `first` to `last` requests in a batch, k draft tokens.
---@class specbench.batch_range
---@field [1] integer first
---@field [2] integer last
---@field [3] integer k

---A server in words that every engine understands: what a round's `server(c)` returns.
---@class specbench.server_description
---@field model string a name that the models file knows, or an id that the engine can load
---@field draft? string the model that proposes, named likewise
---@field method? "none"|"draft"|"ngram"|"ngram_gpu"|"suffix"|"eagle"|"eagle3"|"medusa"|"mlp_speculator"|"mtp"|"dflash"|"dspark"|"ngram_map_k"|"ngram_map_k4v"|"ngram_mod"|"ngram_cache" how drafts are made: `none`, `draft`, `ngram`, `eagle`, ... Where it is `none`, all that belongs to drafts is passed over; default: `none`
---@field k? integer draft tokens a step; needed by every method but `none`
---@field prompt_lookup_max? integer the longest n-gram that is looked up; default: `k`
---@field prompt_lookup_min? integer the shortest one; default: 1
---@field draft_tensor_parallel? integer GPUs that the draft model is spread over
---@field speculative_max_model_len? integer no speculation for longer sequences
---@field disable_by_batch_size? integer no speculation from so many requests in a batch on
---@field k_by_batch_size? specbench.batch_range[] k for each range of batch sizes
---@field speculative? table<string, string|number|boolean|table> further settings of speculation in the engine's own words: vLLM's keys of --speculative-config, SGLang's flags without `--speculative-`, TensorRT-LLM's keys of speculative_config, llama.cpp's flags without `--spec-`, vLLM 0.6's flags without `--`; `_` stands for `-`. A setting that another key of this table makes is replaced, and left out where it is `false`
---@field acceptance? number|number[] forced: k unconditional rates that never grow, or a mean length from 1 to k + 1. The text is then noise
---@field dtype? string of weights and activations
---@field quantization? string of the target's weights
---@field tensor_parallel? integer GPUs that the target is spread over; default: 1
---@field gpu_memory_utilization? number share of a GPU's memory that it may take
---@field max_model_len? integer tokens of a prompt and its answer together
---@field max_num_seqs? integer requests in a batch at most
---@field seed? integer of the server
---@field chunked_prefill? boolean whether prefills share steps with decoding
---@field prefix_caching? boolean whether beginnings of prompts are kept; default: off
---@field async_scheduling? boolean whether the next step is scheduled while one runs
---@field scheduler_delay_factor? number waits so many times the last prefill before the next one
---@field multi_step? integer steps that are planned at once; without speculation
---@field profile? string|string[] `"nsys"` (with the options of the reference's third round), any other command or a list of its words, put before the server's; `"server"`: the server's own profiler, begun and ended with the load. `{output}` is a file in the results, `{gpus}` its GPUs
---@field pinned? table what `--match pinned` starts a plain server with: `{ runner = "V1", async_scheduling = false }` or one of them. Not for rounds to say
---@field extra_args? string[] the engine's own flags, last on the command line
---@field env? table<string, string|number|false> environment of the server

---An axis of a round's grid.
---@class specbench.axis
---@field [1] string its name
---@field [2] (string|number|boolean)[] its values
---@field when? fun(c: specbench.coordinates): boolean for which cells it means something; elsewhere it is nil; default: all
---@field open? boolean `--set` takes words too that the round does not list; default: no

---Which maps are drawn.
---@class specbench.heatmap_fields
---@field x string the axis across
---@field y string the axis upwards
---@field per string[] axes: one map for each combination of their values. With exactly two of them, all maps also go on one sheet
---@field x_title? string what stands at the axis across; default: its name
---@field y_title? string what stands at the axis upwards; default: its name
---@field value? string one of the round's `metrics`; default: the speed-up
---@field label_title? string what the values in brackets are that an export's `labels` put beside the round's own; default: `as exported`

---@class specbench.knob
---@field [1] string an axis
---@field [2] string|number|boolean its default

---A table and a picture of settings by kind of prompt.
---@class specbench.settings_fields
---@field knobs specbench.knob[] each setting by the prompts' `group`: throughput, TTFT, TPOT, acceptance and speed-up, in `settings.jsonl` too
---@field groups_title? string what the groups are; default: `prompts`

---What a round's report draws.
---@class specbench.report_fields
---@field heatmap? specbench.heatmap_fields maps of the speed-up
---@field settings? specbench.settings_fields a table of settings

---@class specbench.export_fields
---@field [1] string the format
---@field [2] fun(c: specbench.coordinates): table what it is told of a cell

---The small version of a round.
---@class specbench.quick_fields
---@field axes? table<string, (string|number|boolean)[]> axis -> fewer values
---@field prompts? integer prompts a cell at most; also `c.prompts`

---A round: what `bench.round` takes.
---@class specbench.round_fields
---@field name string names the results folder and belongs to each cell's identity
---@field title? string stands over heatmaps; default: the name
---@field axes specbench.axis[] the grid, outermost axis first. The order is the order of measuring, except that cells of one server stand together. `when` says for which cells the axis means something (`k` with speculation); elsewhere `c.NAME` is nil, and the cell stands in the grid once. With `open = true` `--set` takes words that it does not list
---@field where? fun(c: specbench.coordinates): boolean false leaves the combination out
---@field reduce? fun(c: specbench.coordinates): table<string, any>? the older way to say `when`: one value for an axis that means nothing to this cell
---@field baseline? table<string, string|number|boolean> which cell each cell is compared with, below
---@field baselines? table<string, table<string, string|number|boolean>> other baselines, chosen by `--baseline NAME`
---@field together? string an axis whose values are measured at the same moment, each on a server of its own (`--gpus` shares GPUs out among them)
---@field server fun(c: specbench.coordinates): specbench.server_description the server in words that every engine understands, below
---@field workload fun(c: specbench.coordinates): specbench.workload_fields what is sent, below
---@field report? specbench.report_fields what is drawn, below
---@field metrics? fun(run: specbench.run, c: specbench.coordinates): table<string, number> metrics of your own, below
---@field export? specbench.export_fields files for other tools, below
---@field quick? specbench.quick_fields what `--quick` means: `axes` (axis -> fewer values) and `prompts` (so many a cell at most). Without it `--quick` is refused
---@field warmup? integer requests sent before each cell and not recorded. Their text begins no measured prompt. A real server also meets every number of streams, and prompts of every length, once before they are measured; 0: none of this; default: 1
---@field limits? string[] names of other answers' limits, one of which `--limits NAME` chooses; `c.limits` says which
---@field start_timeout? number how long a server may take to start; in s; default: the engine's
---@field first_token_timeout? number how long a request may wait for its first token; in s; default: from the estimate
---@field chunk_timeout? number how long a stream may bring no token, whatever else it sends; in s; default: 300
---@field timeout? number how long a whole request may take; in s; default: from the estimate
---@field cell_timeout? number how long a whole cell may take; what is left of it is not sent; in s; default: from the estimate
---@field stop_timeout? number how long a server may take to end before it is killed; in s; default: 10

---How long an answer may be.
---@class specbench.limits
---@field max_tokens integer at most
---@field min_tokens? integer at least; default: 0
---@field ignore_eos? boolean the answer goes on to `max_tokens`; default: `false`

---What a cell sends: what a round's `workload(c)` returns.
---@class specbench.workload_fields
---@field prompts specbench.prompts_options|specbench.prompt_set what is sent, below
---@field limits specbench.limits|fun(prompt: specbench.prompt, c: specbench.coordinates): specbench.limits how long each answer may be. What an engine cannot be asked for is noted in the cell
---@field concurrency? integer closed loop: so many requests in flight; default: `c.concurrency`
---@field rate? number open loop: requests a second. One of the two is needed; 0 on an axis means none; default: `c.rate`
---@field arrivals? "poisson"|"constant"|"gamma" of an open loop; default `"poisson"`
---@field burstiness? number shape of the gamma arrivals; under 1 is burstier than Poisson; default `1.0`
---@field temperature? number of the sampling; default `0`
---@field chat? boolean `/v1/chat/completions`, else `/v1/completions`; default `true`
---@field task? string the name under which the simulator looks up acceptance and answer lengths; default: the dataset's
---@field group? fun(prompt: specbench.prompt): string kinds of prompts (lengths, say) for which the cell keeps figures of their own; default: none
---@field body? table<string, any> fields put into every request as they are; default: none

---What was seen in the engine's code or answers.
---@class specbench.engine.capabilities
---@field prefix_cache_reset boolean its prefix cache can be emptied
---@field chunk_is_step boolean a chunk is what one engine step brought
---@field event_per_token boolean a chunk with text is one token, half UTF-8 characters aside
---@field spawn boolean specbench starts it

---When its server can be loaded.
---@class specbench.engine.ready
---@field path string answered with 200 once it is
---@field timeout_s? number how long that may take, where specbench starts it; in s

---How its version is told.
---@class specbench.engine.version
---@field probe? fun(server: table): string[] argv of a program that tells the version before the server is started
---@field read? fun(output: string): string? the version in what it printed
---@field paths string[] of the server that is up; the first one that is there answers. None: it does not tell
---@field field string of its answer

---Its counters.
---@class specbench.engine.metrics
---@field path string a page in Prometheus' format
---@field names string[] counters whose differences `acceptance` gets
---@field requests? string the counter of requests that were answered: a cell compares it with its own, to find those of others
---@field output_tokens? string the same of the tokens that it wrote, for engines that do not count requests

---What it asks of checkpoints of Hugging Face's kind.
---@class specbench.engine.fit
---@field draft_tensor_parallel fun(server: table): integer?, string? over how many GPUs a draft is spread, or why it cannot be
---@field equal_vocabularies? boolean a draft model's vocabulary must be the target's
---@field heterogeneous? string what of `speculative` lifts that
---@field head? fun(server: table, draft: specbench.checkpoint): string? what is wrong with a head

---How a server that is up really runs: by its log, or by what it answers at a path.
---@class specbench.engine.asks_effective
---@field log? fun(text: string): specbench.engine.effective from the log so far
---@field path? string of a JSON answer
---@field info? fun(answer: table): specbench.engine.effective from that answer

---The first version that has a method or honours a key.
---@class specbench.engine.since
---@field methods? table<string, string> by method
---@field keys? table<string, string> by key of the description

---The first version that no longer has a method.
---@class specbench.engine.gone
---@field methods? table<string, string> by method

---The versions whose command lines this file writes.
---@class specbench.engine.served
---@field from? string the first one
---@field before? string the first one that is too new
---@field instead string the engine for those beyond

---How its server counts a text's tokens.
---@class specbench.engine.tokenize
---@field path string to POST to
---@field body fun(text: string, model: string): table what is sent
---@field count fun(answer: table): integer the tokens in its answer

---@class specbench.engine.prefix_cache_reset
---@field path string to POST to

---What lets older versions be asked for it.
---@class specbench.engine.older_profiler
---@field before string the first version that it is not for
---@field args? string[]
---@field env? table<string, string|number|false>

---Its own profiler; `{output}` stands for its folder.
---@class specbench.engine.profiler
---@field args? string[] that let it be asked for
---@field env? table<string, string|number|false> that lets it be asked for
---@field older? specbench.engine.older_profiler the same of older versions
---@field start string to POST to
---@field stop string to POST to

---An engine: what its command line, requests and counters look like. What its file returns.
---@class specbench.engine
---@field name string letters, digits, `.`, `_` and `-`; names results folders
---@field description string one line
---@field capabilities specbench.engine.capabilities `prefix_cache_reset`, `chunk_is_step`, `event_per_token`, `spawn`: only what was seen in the engine's code or answers; a wrong `chunk_is_step` spoils every ITL
---@field methods string[]|table<string, boolean> names of those that it has
---@field command fun(server: table): specbench.engine.command argv and environment from the description: its models resolved to `{ name, path, python, binary, env, engine_args, served_name }`, plus `host`, `port`, `gpus`, `engine_version`. The same description must give the same argv. `config`: a file's text; `{config}` in argv stands for its path
---@field served_name fun(server: table): string the `model` of a request's body
---@field request fun(body: table, limits: table?): table, table<string, string>, string? the body in the engine's dialect, headers, and a note on what could not be asked for. It comes as OpenAI's, streamed, with `include_usage`; ask for tokens chunk by chunk where the server can tell them (`continuous_usage_stats`): without them no speed-up is paired, and none is judged
---@field acceptance fun(delta: table<string, number>, server: table?): table?, string? from the differences of the counters named in `metrics.names`: `rate` (accepted / drafted tokens) and `mean_length` (1 + accepted tokens / drafts), and where they are known `drafts`, `draft_tokens`, `accepted_tokens`, `per_position` (a list), `note`
---@field ready specbench.engine.ready `path`, answered with 200 once the server is ready, and `timeout_s`
---@field version specbench.engine.version how its program (`probe`, `read`) and its server (`paths`, `field`) tell it; `paths = {}` where it does not
---@field metrics specbench.engine.metrics `path` of its page of counters, the `names` to read, and the one that counts `requests`, or else `output_tokens`
---@field without? table<string, string> key of the description that it cannot honour -> why not, what instead; default: none
---@field ignores? table<string, string> key without counterpart that changes no figure -> why; default: none
---@field own_unsupported? fun(server: table): string? reasons against a description that `without` cannot tell
---@field lacks? fun(server: table): string? where it needs more than a program: what this machine lacks of it, told before anything starts
---@field twin? fun(server: table): table? how a plain server must be started to run as this one does where the engine decides: `pinned` of a description; nil: as it is
---@field lossy? fun(server: table): string? which setting of a description may change what the answers say
---@field assumed? fun(server: table, task: string?): true? whether nothing published or measured stands behind the acceptance that it plays
---@field fit? specbench.engine.fit what it asks of checkpoints: `draft_tensor_parallel(server)`, `equal_vocabularies`, `heterogeneous`, `head(server, draft)`
---@field effective? specbench.engine.asks_effective how a server that is up really runs: `log(text)`, or `path` and `info(answer)`
---@field compilations? fun(text: string): integer how many kernels were compiled late, from what was added to the log meanwhile
---@field warms_up? boolean it compiles or loads kernels when a batch size or a prompt length first occurs; default: no
---@field running_usage? boolean a server is asked, before its first cell, whether it tells usage as it goes; where it does, `limits.running_usage` says so to `request`; default: no
---@field learns? table<string, boolean> methods that keep what answers said for later requests, until they are told to forget at `prefix_cache_reset.path`; default: none
---@field since? specbench.engine.since `methods`, `keys`: the first version that has them
---@field gone? specbench.engine.gone `methods`: the first version that no longer has them
---@field served? specbench.engine.served `from`, `before`: versions whose command lines it writes; `instead`: the engine for others
---@field tokenize? specbench.engine.tokenize `path`, `body(text, model)`, `count(answer)`: how its server counts tokens
---@field prefix_cache_reset? specbench.engine.prefix_cache_reset `path` to POST to
---@field profiler? specbench.engine.profiler its own: `args`, `env` that let it be asked for (`{output}`: its folder), `start` and `stop`, paths to POST to; `older`: the same of versions `before` one
---@field log_pattern? string in lines of its log that tell totals better than the counters do
---@field acceptance_from_log? fun(before: string?, after: string): table?, string? from two of these lines
---@field uses_gpus? boolean its servers need GPUs: two at once need a pool to share; default: no
---@field idle_is_free? boolean an idle server needs no GPU and hardly any memory; default: no

---A word of a command line that is no option.
---@class specbench.cli.positional
---@field name string in --help
---@field choices? string[] the first one only: words that the completion offers
---@field help? string what it is
---@field optional? boolean it may be left out
---@field many? boolean the last one only: takes all that is left
---@field declares? boolean a file that may declare options of its own (`bench.options`)

---An option of a command.
---@class specbench.cli.option
---@field long string name without the dashes
---@field short? string one letter
---@field type? "string"|"int"|"number"|"flag"|"choice" of its value; default: `"string"`
---@field arg? string the value's name in --help; default: `VALUE`
---@field help? string what it does
---@field choices? string[] for the type choice
---@field min? number for int and number, inclusive
---@field max? number for int and number, inclusive
---@field default? any a flag with the default true is switched off by --no-LONG
---@field repeated? boolean it may be given many times; the result is a list in the order given
---@field env? string environment variable that stands in for an absent option
---@field group? string heading in --help; default: `Options`
---@field hidden? boolean left out of --help, man page and completion

---A command: its options, its help, its function.
---@class specbench.cli.command
---@field name string the first word
---@field summary? string one line
---@field usage? string what follows the command's name; default: made from the rest
---@field description? string paragraphs, separated by empty lines
---@field positionals? specbench.cli.positional[] words that are no options
---@field options? specbench.cli.option[] what may be given beside them
---@field examples? (string|string[])[] each a command line, or `{ command line, why }`
---@field hidden? boolean not listed
---@field aside? boolean listed by its name alone, after the others
---@field run? fun(options: table, positionals: string[]): integer? what it does

---The command line of a script or a round: what `bench.options` takes.
---@class specbench.own_options
---@field summary? string one line
---@field description? string paragraphs, separated by empty lines
---@field positionals? specbench.cli.positional[] words that are no options
---@field options? specbench.cli.option[] what may be given beside them
---@field examples? (string|string[])[] each a command line, or `{ command line, why }`

---Where a model is on this machine, and what serves it.
---@class specbench.model_entry
---@field path? string what the engine loads. One that begins with `/`, `.` or `~` must exist; default: the model's name
---@field python? string the Python that has the engine
---@field binary? string the engine's program (`llama-server`)
---@field version? string the engine's version, for which command lines are written; else the program is asked
---@field env? table<string, string|number|false> environment of the server
---@field engine_args? (string|number)[] flags of this model's servers, before the round's `extra_args`
---@field url? string where a running server is (engine `external`)
---@field served_name? string the name that requests give; default: the round's name of the model
---@field quantization? string instead of the round's; `"auto"`: the checkpoint's own
---@field speculative? table<string, string|number|boolean|table> what the engine must be told where this model drafts, beside the round's own `speculative`
---@field body? table<string, string|number|boolean|table> fields put into every request to this model, beside the round's: `temperature`, `chat_template_kwargs`, ...

---An instruction of one's own.
---@class specbench.instruction
---@field text string put before the content
---@field tokens? integer of the text; default: unknown

---Which prompts: what `data.prompts` takes.
---@class specbench.prompts_options
---@field dataset string one of the datasets
---@field subset? string one of the dataset's, such as `0.25k`; default: `all` where the dataset has it
---@field count? integer prompts wanted; default: all
---@field seed? integer of the sample, the styles and the synthetic text; default `12345`
---@field instruction? string|specbench.instruction|false what stands before the content: a name of `instructions.json` (`polish` takes each prompt's style), `{ text, tokens }`, or none; default: the dataset's own
---@field turn? integer spec_bench: which turn of its conversations is the prompt. What has none is left out; default: 1
---@field tokens? integer sonnet and random: length of each prompt
---@field path? string jsonl, sharegpt, speed_bench: a file of yours; folder: a folder of .txt files. A relative path starts at the current folder, not at the round's file
---@field field? string jsonl: where the prompt is; default: `"prompt"`
---@field tokens_field? string jsonl: where the prompt's token count is
---@field folder? string where the real data files are; default: `--datasets`; without it synthetic text
---@field tokenizer? string URL of a server that counts what is not known otherwise; default: `--tokenizer`
---@field tokenizer_engine? string the engine that it is; default: `--engine`

---One request of a load.
---@class specbench.request
---@field body string|table a table, or JSON
---@field prompt_id? integer of the prompt; default: its position, from 0
---@field headers? string[] `"Name: value"`, beside the load's
---@field max_tokens? integer what the body asks for: an answer that counts more is marked
---@field prompt_tokens? integer as the prompt's data tell them; default: the server's count

---A load: what `bench.load` takes.
---@class specbench.load_options
---@field server specbench.server|string who is asked
---@field requests specbench.request[] sent in this order; each `{ body, prompt_id?, headers?, max_tokens?, prompt_tokens? }`
---@field concurrency? integer requests in flight at most; default: in a closed loop all of them
---@field rate? number an open loop: requests a second of the server's clock; default: a closed loop
---@field arrivals? "poisson"|"constant"|"gamma" of an open loop; default `"poisson"`
---@field burstiness? number shape of gamma arrivals; under 1 is burstier than Poisson; default: 1
---@field seed? integer of the arrivals; default `0`
---@field path? string of the endpoint; default `"/v1/chat/completions"`
---@field headers? string[] `"Name: value"`, of every request
---@field api_key_file? string holds the key; default: `$SPECBENCH_API_KEY_FILE`, else `$OPENAI_API_KEY`
---@field api_key_env? string the variable that holds it; default: `OPENAI_API_KEY`
---@field timeout? number for a whole request; 0: no limit; in s; default: no limit
---@field chunk_timeout? number without a chunk that brings text or tokens; 0: no limit; in s; default `300`
---@field first_token_timeout? number before the first such chunk; in s; default: `chunk_timeout`
---@field cell_timeout? number for all requests together: what is left is not sent; 0: no limit; in s; default: no limit
---@field clock_scale? number how many times faster than ours the server's clock runs; default: what the server says: only a simulator's differs
---@field event_per_token? boolean the engine sends one event a token; default `false`
---@field keep_text? boolean records keep the answers' texts; default `false`
---@field whole? boolean requests ask for one JSON answer, not for a stream; default `false`
---@field id_prefix? string every request carries `X-Request-Id: PREFIX-INDEX`; default: one of its own
---@field io_threads? integer event loops, each a thread, that share the streams; default `1`
---@field own_thread? boolean also one event loop is a thread of its own: other loads run beside this one; default `false`
---@field on_progress? fun(progress: sb.LoadProgress) called ten times a second

---When a server is ready: one of the two.
---@class specbench.server_ready
---@field path? string answered with 2xx
---@field log? string a pattern that its log has

---A server to start: what `bench.server.start` takes.
---@class specbench.server_options
---@field argv string[] its command line; `{port}` and `{host}` are filled in, here and in `env`
---@field env? table<string, string|number|false> its environment beside ours
---@field cwd? string the folder that it starts in; default: ours
---@field trees? string a folder where it is noted while it lives, so that it can be ended once specbench and its supervisor were killed; default: nowhere
---@field log? string the file that its output is appended to; default: one that goes with it
---@field log_bytes? integer of the log beyond which it is moved to a file of its name with `.1` behind it, in place of an earlier one, and begun anew; in bytes; default: 64 MiB
---@field gpus? (integer|string)[] the GPUs that it sees: numbers, UUIDs; default: all
---@field host? string the address that it listens on; default `"127.0.0.1"`
---@field port? integer its port; default: a free one
---@field ready? string|specbench.server_ready|fun(server: specbench.server): boolean a path that is answered with 2xx, `{ log = PATTERN }`, or a function that is asked again and again; default: `"/health"`
---@field timeout? number until it must be ready; in s; default `600`
---@field grace? number from SIGTERM to SIGKILL; in s; default `10`

---One HTTP request.
---@class specbench.http_options
---@field url string whom to ask
---@field method? string of the request; default: POST where there is a body, else GET
---@field headers? string[] `"Name: value"`
---@field body? string what is sent
---@field timeout? number for all of it; in s; default: no limit
---@field chunk_timeout? number of silence; in s; default: no limit
---@field authorized? boolean with the API key, as a load's requests: of a server that is measured; default `false`

---How to ask.
---@class specbench.http_asking
---@field timeout? number for all of it; in s; default: 10; 60 of a POST
---@field headers? string[] `"Name: value"`
---@field authorized? boolean with the API key, as a load's requests: of a server that is measured; default `false`

---Where a cell's row goes, and how it is spelled.
---@class specbench.spec_bench_vllm_row
---@field method string the folder, e.g. `7B`, `7B-nospec`
---@field folder string the task's folder, without `Task_`
---@field task? string this key of the row
---@field subtask? string this key of the row
---@field num_spec_tokens? integer `NUM_SPEC_TOKENS`; default `-1`
---@field context? string the `context` of a row of `max_speedup.jsonl`; default: no such key
---@field labels? table<string, string> axis -> how its maps spell this cell's value; ours show it in brackets; default: as the round does
