std = "lua54"
max_line_length = 120
exclude_files = { "build", "results" }
ignore = { "211/_.+" } -- `local _timer <close>`: held to be closed at the block's end, never read
-- What the runtime and its library define for everyone; nothing else is global.
files["tests/lua"].std = "lua54+busted"
files["tests/cli"].std = "lua54+busted"
files["scripts/specbench/coroutine.lua"] = { ignore = { "122" } } -- its task: to replace resume and wrap
files["bindings/meta"] = { ignore = { "212", "241" } } -- definitions: arguments are named, never used
files["bindings/meta/specbench"] = { max_line_length = false } -- made by scripts/share/fields.lua
