-- What a round's author writes: its fields, and what each may be.

local deadlines = require "specbench.experiment.deadlines"
local shape = require "specbench.base.shape"

local text, words = shape.string { empty = false }, shape.list(shape.string())

-- fun(c) in LuaCATS.
local function of_cell(gives, cats)
  return shape.func("c", gives, ("fun(c: specbench.coordinates): %s"):format(cats))
end

local value = shape.custom {
  must = "a string, a number or a boolean", many = "strings, numbers or booleans", page = "value",
  cats = "string|number|boolean", kinds = { string = true, number = true, boolean = true },
  test = function(it) return it == it end, -- NaN is no place of a grid
}

local of_axes = shape.map(value, { must = "a table axis -> value", page = "table axis -> value" })

local axis = shape.record {
  "axis", class = "specbench.axis", doc = "An axis of a round's grid.",
  must = '{ "NAME", { values... } }', many = '{ "NAME", { values... } }',
  fields = {
    { 1, text, "its name", needed = true },
    { 2, shape.list(value, { least = 1, must = "a list of values, at least one" }), "its values", needed = true },
    { "when", of_cell("boolean", "boolean"), "for which cells it means something; elsewhere it is nil",
      otherwise = "all" },
    { "open", shape.boolean(), "`--set` takes words too that the round does not list", otherwise = "no" },
  },
}

local heatmap = shape.record {
  "heatmap", class = "specbench.heatmap_fields", doc = "Which maps are drawn.",
  fields = {
    { "x", text, "the axis across", needed = true },
    { "y", text, "the axis upwards", needed = true },
    { "per", words, "axes: one map for each combination of their values. With exactly two of them, all maps also go "
      .. "on one sheet", needed = true },
    { "x_title", text, "what stands at the axis across", otherwise = "its name" },
    { "y_title", text, "what stands at the axis upwards", otherwise = "its name" },
    { "value", text, "one of the round's `metrics`", otherwise = "the speed-up" },
    { "label_title", text, "what the values in brackets are that an export's `labels` put beside the round's own",
      otherwise = "`as exported`" },
  },
}

local settings = shape.record {
  "settings", class = "specbench.settings_fields", doc = "A table and a picture of settings by kind of prompt.",
  fields = {
    { "knobs", shape.list(shape.record {
      "knob", class = "specbench.knob", must = "{ AXIS, DEFAULT }", many = "`{ AXIS, DEFAULT }`",
      fields = { { 1, text, "an axis", needed = true }, { 2, value, "its default", needed = true } },
    }, { least = 1 }), "each setting by the prompts' `group`: throughput, TTFT, TPOT, acceptance and speed-up, in "
      .. "`settings.jsonl` too", needed = true },
    { "groups_title", text, "what the groups are", otherwise = "`prompts`" },
  },
}

return shape.record {
  "round", class = "specbench.round_fields", doc = "A round: what `bench.round` takes.",
  fields = {
    { "name", text, "names the [results folder](#the-results-folder) and belongs to each cell's identity",
      needed = true },
    { "title", shape.custom {
      must = "a string that is not empty and has no control character", page = "string", cats = "string",
      kinds = { string = true }, test = function(it) return it ~= "" and not it:find "%c" end,
    }, "stands over heatmaps", otherwise = "the name" },
    { "axes", shape.list(axis, {
      least = 1, must = 'a list of { "NAME", { values... } }, outermost first',
      page = 'list of `{ "NAME", { value, ... }, when = function(c) }`',
    }), "the grid, outermost axis first. The order is the order of measuring, except that cells of one server stand "
      .. "together. `when` says for which cells the axis means something (`k` with speculation); elsewhere `c.NAME` is "
      .. "nil, and the cell stands in the grid once. With `open = true` `--set` takes words that it does not list",
      needed = true, flaw = function(axes)
      local seen = {}
      for _, entry in ipairs(axes) do
        if seen[entry[1]] then return ("'%s' stands there twice"):format(entry[1]) end
        seen[entry[1]] = true
      end
    end },
    { "where", of_cell("boolean", "boolean"), "false leaves the combination out" },
    { "reduce", of_cell("table axis -> value, or nil", "table<string, any>?"), "the older way to say `when`: one value "
      .. "for an axis that means nothing to this cell" },
    { "baseline", of_axes, "which cell each cell is compared with, [below](#baseline)" },
    { "baselines", shape.map(of_axes, { page = "table name -> such a table" }),
      "other baselines, chosen by `--baseline NAME`" },
    { "together", text, "an axis whose values are measured at the same moment, each on a server of its own (`--gpus` "
      .. "shares GPUs out among them)" },
    { "server", of_cell("table", "specbench.server_description"), "the server in words that every engine understands, "
      .. "[below](#server)", needed = true },
    { "workload", of_cell("table", "specbench.workload_fields"), "what is sent, [below](#workload)", needed = true },
    { "report", shape.record {
      "report", class = "specbench.report_fields", doc = "What a round's report draws.",
      fields = {
        { "heatmap", heatmap, "maps of the speed-up" },
        { "settings", settings, "a table of settings" },
      },
    }, "what is drawn, [below](#report)" },
    { "metrics", shape.func("run, c", "table name -> number",
      "fun(run: specbench.run, c: specbench.coordinates): table<string, number>"),
      "metrics of your own, [below](#metrics-of-your-own)" },
    { "export", shape.record {
      "export", class = "specbench.export_fields", must = '{ "FORMAT", function(c) ... end }',
      many = '`{ "FORMAT", function(c) }`',
      fields = {
        { 1, text, "the format", needed = true },
        { 2, of_cell("table", "table"), "what it is told of a cell", needed = true },
      },
    }, "files for other tools, [below](#export-files-that-other-tools-read)" },
    { "quick", shape.record {
      "quick", class = "specbench.quick_fields", doc = "The small version of a round.",
      fields = {
        { "axes", shape.map(shape.list(value, { least = 1 })), "axis -> fewer values" },
        { "prompts", shape.integer { from = 1 }, "prompts a cell at most; also `c.prompts`" },
      },
    }, "what `--quick` means: `axes` (axis -> fewer values) and `prompts` (so many a cell at most). "
      .. "Without it `--quick` is refused" },
    { "warmup", shape.integer { from = 0, to = 10000 }, "requests sent before each cell and not recorded. Their "
      .. "text begins no measured prompt. A real server also meets every number of streams, and prompts of every "
      .. "length, once before they are measured; 0: none of this", otherwise = "1" },
    { "limits", words, "names of other answers' limits, one of which `--limits NAME` chooses; `c.limits` says which" },
    table.unpack(deadlines.fields()),
  },
}
