-- The published data files: what they are, getting them, checking them, looking into them.

local cache = require "specbench.dataset.cache"
local command = require "specbench.cli.command"
local source = require "specbench.base.source"

local ACTIONS = { "list", "fetch", "verify", "import", "show" }

local self = {
  name = "dataset",
  summary = "List, fetch, verify, import and show the data that prompts are made of",
  usage = "list | fetch [NAME]... | verify [DIR] | import DIR|FILE | show NAME [OPTION]...",
  description = "Rounds use synthetic text of the published lengths unless --datasets names a folder with the "
    .. "published files. --datasets cache is the cache folder, $XDG_CACHE_HOME/specbench or ~/.cache/specbench, "
    .. "which fetch and import fill.\n\n"
    .. "list: the published files, what of them is in the cache, and their licences.\n\n"
    .. "fetch: downloads files (of a dataset, one file, or all) into the cache and checks their sha256. What was "
    .. "interrupted goes on where it stopped. Proxies are taken from https_proxy.\n\n"
    .. "verify: checks every published file in DIR, or in the cache.\n\n"
    .. "import: copies the published files that are in DIR, in their folders or side by side, into the cache; "
    .. "or your own copy of SPEED-Bench, one JSONL file whose placeholders are filled in.\n\n"
    .. "show: some prompts as a load with the same --datasets would send them, with their tokens and source.",
  positionals = {
    { name = "ACTION", choices = ACTIONS, help = "list, fetch, verify, import or show" },
    { name = "NAME", help = "a dataset (cnn_merged), a file of the list, or all; verify and import: a folder",
      optional = true, many = true },
  },
  options = {
    { long = "subset", arg = "S", help = "fetch, show: of the dataset only this subset, such as 1k" },
    { long = "mirror", arg = "URL", env = "SPECBENCH_MIRROR",
      help = "fetch: get URL/FILE, with FILE as in the list, instead of what the manifest says" },
    { long = "timeout", arg = "SECONDS", type = "number", min = 0.1, max = 86400, default = 30,
      help = "fetch: give up a server that sends nothing for so long" },
    { long = "datasets", arg = "DIR", env = "SPECBENCH_DATASETS",
      help = "show: folder of the published files, or cache; without it synthetic text" },
    { long = "count", short = "n", arg = "N", type = "int", min = 1, max = 1000000, default = 3,
      help = "show: so many prompts" },
    { long = "seed", arg = "N", type = "int", default = 12345, help = "show: which prompts are drawn" },
    { long = "full", type = "flag", help = "show: texts in full" },
    { long = "path", arg = "PATH", help = "show jsonl, sharegpt, folder: your own file or folder" },
    { long = "field", arg = "FIELD", help = "show jsonl: where the prompt is (prompt)" },
    { long = "tokens-field", arg = "FIELD", help = "show jsonl: where its token count is" },
    { long = "tokens", arg = "N", type = "int", min = 1, max = 10000000,
      help = "show random, sonnet: length of each prompt" },
    { long = "manifest", arg = "FILE", hidden = true, help = "another list of files" },
  },
  examples = {
    { "specbench dataset fetch", "everything, 15 MB; then: specbench run ROUND --datasets cache" },
    "specbench dataset fetch cnn_dailymail_news --subset 1k",
    { "specbench dataset import ~/Downloads", "where this machine has no network" },
    "specbench dataset show thucnews --subset 0.25k -n 2 --datasets cache",
    { "specbench dataset show jsonl --path mine.jsonl --field question", "your own prompts" },
  },
}

local function manifest_of(options)
  if not options.manifest then return require("specbench.dataset.file").manifest() end
  local chunk, message = source.load(options.manifest)
  if not chunk then command.fail(message) end
  return chunk()
end

local function cache_folder()
  local folder, message = cache.folder()
  if not folder then command.fail(message) end
  return folder
end

-- What the actions get: options, names after the action, manifest.
local actions = {}

function actions.list(options, names)
  local manifest = manifest_of(options)
  local entries, message = cache.select(manifest, names, options.subset)
  if not entries then command.fail("dataset: " .. message, 2) end
  io.stdout:write(require("specbench.dataset.listing").render(manifest, entries, cache_folder()))
  return 0
end

function actions.fetch(options, names)
  local manifest = manifest_of(options)
  local entries, message = cache.select(manifest, names, options.subset)
  if not entries then command.fail("dataset: " .. message, 2) end
  local ok, problem = require("specbench.dataset.batch").fetch(manifest, entries, {
    folder = cache_folder(), base = options.mirror, timeout = options.timeout,
  })
  if problem then command.fail("dataset: " .. problem) end
  return ok and 0 or 1
end

function actions.verify(options, names)
  local ok, message = require("specbench.dataset.batch").verify(manifest_of(options), names[1] or cache_folder())
  if message then command.fail("dataset: " .. message) end
  return ok and 0 or 1
end

function actions.import(options, names)
  if not names[1] then
    command.fail("dataset: import what? specbench dataset import DIR, the folder that has the files, or your own "
      .. "SPEED-Bench file", 2)
  end
  local ok, message = require("specbench.dataset.batch").import(manifest_of(options), names[1], cache_folder())
  if message then command.fail("dataset: " .. message) end
  return ok and 0 or 1
end

function actions.show(options, names)
  local data = require "specbench.dataset"
  if not names[1] then
    command.fail("dataset: show what? specbench dataset show NAME; there are " .. table.concat(data.names(), ", "), 2)
  end
  local folder, set, message
  if options.datasets then
    folder, message = cache.resolve(options.datasets)
    if not folder then command.fail("dataset: --datasets cache: " .. message) end
  end
  set, message = data.prompts {
    dataset = names[1], subset = options.subset, count = options.count, seed = options.seed, folder = folder,
    path = options.path, field = options.field, tokens_field = options.tokens_field, tokens = options.tokens,
  }
  if not set then command.fail("dataset: " .. message) end
  io.stdout:write(require("specbench.dataset.listing").prompts(set, options.full))
  return 0
end

-- How many words each action takes after its name; nil: any.
local MOST = { verify = 1, import = 1, show = 1 }

function self.run(options, positionals)
  local name = positionals[1]
  local action = actions[name]
  if not action then
    command.fail("dataset: " .. require("specbench.base.unknown").message("action", name, ACTIONS), 2)
  end
  local names = table.move(positionals, 2, #positionals, 1, {})
  if MOST[name] and #names > MOST[name] then
    command.fail(("dataset: %s takes one name; '%s' is too many"):format(name, names[2]), 2)
  end
  return action(options, names)
end

return self
