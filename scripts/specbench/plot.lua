-- Pictures of a script's own, as the reports' are drawn: local plot = require "specbench.plot"

return require "specbench.report.plot"
