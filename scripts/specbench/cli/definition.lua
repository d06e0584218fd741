--- What describes a command: the table that a file in scripts/cmd returns, checked when it is read.

local shape = require "specbench.base.shape"

local text, flag, words = shape.string(), shape.boolean(), shape.list(shape.string())

local option_shape = shape.record {
  "option", class = "specbench.cli.option", doc = "An option of a command.",
  fields = {
    { "long", text, "name without the dashes", needed = true },
    { "short", text, "one letter" },
    { "type", shape.choice { "string", "int", "number", "flag", "choice" }, "of its value", otherwise = '`"string"`' },
    { "arg", text, "the value's name in --help", otherwise = "`VALUE`" },
    { "help", text, "what it does" },
    { "choices", words, "for the type choice" },
    { "min", shape.number(), "for int and number, inclusive" },
    { "max", shape.number(), "for int and number, inclusive" },
    { "default", shape.any(), "a flag with the default true is switched off by --no-LONG" },
    { "repeated", flag, "it may be given many times; the result is a list in the order given" },
    { "env", text, "environment variable that stands in for an absent option" },
    { "group", text, "heading in --help", otherwise = "`Options`" },
    { "seldom", flag, "--help has its name alone, --help all explains it" },
    { "hidden", flag, "left out of --help, man page and completion" },
  },
}

local positional_shape = shape.record {
  "positional", class = "specbench.cli.positional", doc = "A word of a command line that is no option.",
  fields = {
    { "name", text, "in --help", needed = true },
    { "choices", words, "the first one only: words that the completion offers" },
    { "help", text, "what it is" },
    { "optional", flag, "it may be left out" },
    { "many", flag, "the last one only: takes all that is left" },
    { "declares", flag, "a file that may declare options of its own (`bench.options`)" },
  },
}

local options = { "options", shape.list(option_shape), "what may be given beside them" }
local positionals = { "positionals", shape.list(positional_shape), "words that are no options" }
local summary, description = { "summary", text, "one line" },
  { "description", text, "paragraphs, separated by empty lines" }
local examples = { "examples", shape.list(shape.either(text, words)),
  "each a command line, or `{ command line, why }`" }

local definition = shape.record {
  "command", class = "specbench.cli.command", doc = "A command: its options, its help, its function.",
  fields = {
    { "name", text, "the first word", needed = true },
    summary,
    { "usage", text, "what follows the command's name", otherwise = "made from the rest" },
    description, positionals, options, examples,
    { "hidden", flag, "not listed" },
    { "aside", flag, "listed by its name alone, after the others" },
    { "run", shape.func("options, positionals", "exit status",
      "fun(options: table, positionals: string[]): integer?"), "what it does" },
  },
}

-- What a script or a round declares of its own command line.
definition.own = shape.record {
  "bench.options", class = "specbench.own_options", doc = "The command line of a script or a round: what "
    .. "`bench.options` takes.",
  fields = { summary, description, positionals, options, examples },
}

return definition
