std = "lua54"
max_line_length = 120
exclude_files = { "build", "results" }
-- What the runtime and its library define for everyone; nothing else is global.
files["tests/lua"].std = "lua54+busted"
files["bindings/meta"] = { ignore = { "212", "241" } } -- definitions: arguments are named, never used
