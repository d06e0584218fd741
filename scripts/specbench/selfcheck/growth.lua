-- A script of its own, because only a fresh process grows by what it holds: prints the bytes that a million chunks
-- take in memory. specbench growth.lua RECORDS
--
-- Copies of the run are decoded and held. The first, uncounted, use up the pages that are free already.

local fs = require "sb.fs"
local measure = require "sb.measure"
local process = require "specbench.selfcheck.process"

local MILLION = 1000000

local bytes = assert(fs.read((...)))
local chunks = assert(measure.decode(bytes)):chunks()
local copies = {}

local function resident_after(count)
  for _ = 1, count do copies[#copies + 1] = assert(measure.decode(bytes)) end
  return (process.memory "self")
end

local wanted = MILLION // chunks + 1
local before = resident_after(wanted)
local grown = (resident_after(wanted) - before) * 2 ^ 20
print(("%.0f"):format(grown * MILLION / (wanted * chunks)))
