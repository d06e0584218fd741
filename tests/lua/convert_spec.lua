-- specbench convert: a model as torch.save writes it, whole and with every fault of fixtures/medusa/make.py.

local environment = require "sb.environment"
local fs = require "sb.fs"
local json = require "specbench.base.json"
local medusa = require "specbench.convert.medusa"
local program = require "specbench.base.program"

local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local fixtures = here .. "fixtures/medusa/"
local PERIOD = 251 -- of make.py's bytes

local folder
before_each(function()
  folder = os.tmpname()
  os.remove(folder)
  assert(fs.mkdir(folder))
end)
after_each(function() fs.remove(folder) end)

--- Byte i of the n-th tensor, as make.py's page says.
local function pattern(n, size)
  local bytes = {}
  for i = 0, size - 1 do bytes[i + 1] = string.char((31 * n + 7 * i) % PERIOD) end
  return table.concat(bytes)
end

--- A safetensors file taken apart by hand, and its layout checked.
local function parse(path)
  local bytes = assert(fs.read(path))
  local length = string.unpack("<I8", bytes)
  assert.equal(0, length % 8)
  local text = bytes:sub(9, 8 + length)
  assert.equal("{", text:sub(1, 1))
  local header = assert(json.decode(text))
  header.__metadata__ = nil
  local tensors, ranges, total = {}, {}, 0
  for name, entry in pairs(header) do
    local first, last = table.unpack(entry.data_offsets)
    tensors[name] = {
      dtype = entry.dtype, shape = entry.shape, bytes = bytes:sub(9 + length + first, 8 + length + last),
    }
    assert.equal(last - first, #tensors[name].bytes)
    ranges[#ranges + 1] = { first, last }
    total = total + last - first
  end
  table.sort(ranges, function(a, b) return a[1] < b[1] or a[1] == b[1] and a[2] < b[2] end)
  local at = 0
  for _, range in ipairs(ranges) do
    assert.equal(at, range[1]) -- no gap, no overlap
    at = range[2]
  end
  assert.equal(#bytes, 8 + length + total)
  return tensors
end

--- A model from make.py; nil where there is no Python.
local function make(arguments)
  if not program.is_there "python3" then return nil end
  local path = folder .. "/model.pt"
  assert(os.execute(("python3 '%smake.py' '%s' %s"):format(fixtures, path, arguments)))
  return path
end

--- The one line that a file is refused with, from the command itself; nothing may be left behind.
local function refused(path)
  local result = folder .. "/out.safetensors"
  local _, _, status = os.execute(("'%s' convert medusa '%s' '%s' >/dev/null 2>'%s/err'")
    :format(environment.executable, path, result, folder))
  local message = assert(fs.read(folder .. "/err"))
  assert.equal(1, status, message)
  assert.equal(1, select(2, message:gsub("\n", "")), message)
  assert.is_nil(fs.stat(result))
  assert.is_nil(fs.stat(result .. ".part"))
  return message
end

local EXPECTED = {
  { "blocks.0.layers.0.weight", { 16, 16 } }, { "blocks.0.layers.0.bias", { 16 } }, { "lm_heads.0.weight", { 40, 16 } },
  { "blocks.1.layers.0.weight", { 16, 16 } }, { "blocks.1.layers.0.bias", { 16 } }, { "lm_heads.1.weight", { 40, 16 } },
}

local function check_heads(path)
  local tensors, count = parse(path), 0
  for n, expected in ipairs(EXPECTED) do
    local tensor = tensors[expected[1]]
    assert(tensor, expected[1])
    assert.same({ "F16", expected[2] }, { tensor.dtype, tensor.shape })
    assert.is_true(tensor.bytes == pattern(n - 1, #tensor.bytes), expected[1])
  end
  for _ in pairs(tensors) do count = count + 1 end
  assert.equal(#EXPECTED, count)
end

describe("convert medusa", function()
  it("renames the heads' tensors and keeps types, shapes and every byte", function()
    local path = folder .. "/out.safetensors"
    local tensors = assert(medusa.convert(fixtures .. "medusa_lm_head.pt", path))
    assert.equal(6, #tensors)
    check_heads(path)
    assert.same({ "out.safetensors" }, fs.list(folder))
  end)

  it("says what it has written, and replaces what was there", function()
    local path = folder .. "/out.safetensors"
    assert(fs.write(path, "something older"))
    local out = assert(io.popen(("'%s' convert medusa '%smedusa_lm_head.pt' '%s'")
      :format(environment.executable, fixtures, path)))
    assert.equal(path .. ": 2 heads, 6 tensors, 0.0 MB\n", out:read "a")
    assert.is_true(out:close())
    check_heads(path)
  end)

  it("writes to a pipe without replacing it", function()
    local pipe = folder .. "/pipe"
    assert(os.execute(("mkfifo '%s' && { cat '%s' >'%s/read' & }"):format(pipe, pipe, folder)))
    assert(medusa.convert(fixtures .. "medusa_lm_head.pt", pipe))
    assert.equal("other", fs.stat(pipe).type)
    for _ = 1, 500 do
      if fs.stat(folder .. "/read").size > 2000 then break end
      require("sb.task").sleep(0.01)
    end
    check_heads(folder .. "/read")
  end)

  it("reads the very file that its maker makes", function()
    local path = make ""
    if not path then return pending "python3 is not installed" end
    assert.is_true(fs.read(path) == fs.read(fixtures .. "medusa_lm_head.pt"))
  end)

  it("reads archives with 64-bit sizes", function()
    local path = make "--zip64"
    if not path then return pending "python3 is not installed" end
    assert(medusa.convert(path, folder .. "/out"))
    check_heads(folder .. "/out")
  end)

  it("writes tensors larger than the piece that it holds in memory", function()
    local path = make "--heads 1 --hidden 1024 --vocab 2"
    if not path then return pending "python3 is not installed" end
    assert(medusa.convert(path, folder .. "/out"))
    local weight = parse(folder .. "/out")["blocks.0.layers.0.weight"]
    assert.equal(2 * 1024 * 1024, #weight.bytes)
    assert.is_true(weight.bytes == pattern(0, PERIOD):rep(#weight.bytes // PERIOD + 1):sub(1, #weight.bytes))
  end)

  it("keeps several types, tensors without values, and strides that do not matter", function()
    local path = make "--fault types"
    if not path then return pending "python3 is not installed" end
    local tensors = assert(medusa.convert(path, folder .. "/out"))
    assert.equal("F32", tensors[1].dtype) -- the widest first: every tensor is aligned
    local found = parse(folder .. "/out")
    assert.same({ dtype = "BF16", shape = { 3 }, bytes = pattern(0, 6) }, found["blocks.0.layers.0.bias"])
    assert.same({ dtype = "F32", shape = { 2, 3 }, bytes = pattern(1, 24) }, found["blocks.0.layers.0.weight"])
    assert.same({ dtype = "F16", shape = { 0, 3 }, bytes = "" }, found["lm_heads.0.weight"])
    assert.same({ dtype = "F16", shape = { 1, 5 }, bytes = pattern(3, 10) }, found["lm_heads.1.weight"])
  end)

  it("takes each tensor's part of a storage that several share", function()
    local path = make "--fault views"
    if not path then return pending "python3 is not installed" end
    assert(medusa.convert(path, folder .. "/out"))
    local found, all = parse(folder .. "/out"), pattern(0, 128)
    assert.equal(all:sub(1, 64), found["blocks.0.layers.0.bias"].bytes)
    assert.equal(all:sub(65), found["blocks.1.layers.0.bias"].bytes)
  end)
end)

describe("convert medusa refuses", function()
  local FAULTS = {
    truncated = { "cut off", "Copy the file again" },
    compressed = { "entry medusa_lm_head/data/0 is compressed (method 8)" },
    encrypted = { "entry medusa_lm_head/data/0 is encrypted" },
    ["same-entry"] = { "two entries are named medusa_lm_head/data/0" },
    ["missing-entry"] = { "the archive has no entry medusa_lm_head/data/0" },
    ["short-entry"] = { "medusa_lm_head/data/0 has 510 bytes", "256 values of 2 bytes" },
    ["byte-order"] = { "its byte order is 'big'" },
    ["no-pickle"] = { "without data.pkl" },
    protocol = { "pickle protocol 4", "at its byte 0" },
    opcode = { "unknown opcode 0x69 (at its byte 2)" },
    ["pickle-cut"] = { "data.pkl: the data ends" },
    ["pickle-large"] = { "no state dict is that large" },
    ["pickle-no-stop"] = { "ends without a stop" },
    ["same-key"] = { "the key '0.0.linear.bias' is there twice" },
    ["storage-type"] = { "torch.ComplexFloatStorage", "at its byte" },
    strides = { "shape [16, 16] has strides [1, 16]", ".contiguous()" },
    offset = { "shape [16] is larger than its storage of 15 values" },
    ["huge-shape"] = { "is larger than its storage of 256 values" },
    ["no-tensor"] = { "'0.0.linear.bias' is not a tensor" },
    ["no-dict"] = { "not a state dict" },
    empty = { "a state dict without a tensor" },
    ["same-head"] = { "'0.1.weight' and '0.9.weight' would both be lm_heads.0.weight" },
    ["foreign-name"] = { "'base_model.embed.weight' is not one of Medusa's heads" },
  }
  for fault, texts in pairs(FAULTS) do
    it("a model with the fault " .. fault, function()
      local path = make("--fault " .. fault)
      if not path then return pending "python3 is not installed" end
      local message = refused(path)
      for _, text in ipairs(texts) do assert.truthy(message:find(text, 1, true), message) end
      assert.truthy(message:find(path, 1, true), message)
    end)
  end

  it("code: it is named and not run", function()
    local path = make "--fault exploit"
    if not path then return pending "python3 is not installed" end
    assert.truthy(refused(path):find("posix.system", 1, true))
    assert.is_nil(fs.stat "pwned")
  end)

  it("what is no archive, and what is not there", function()
    assert(fs.write(folder .. "/short", "PK"))
    assert.truthy(refused(folder .. "/short"):find("only 2 bytes", 1, true))
    assert(fs.write(folder .. "/old", ("\x80\x02\x8a\nl\xfc\x9cF"):rep(100)))
    assert.truthy(refused(folder .. "/old"):find("not a zip archive, so not what torch.save has written", 1, true))
    assert.truthy(refused(folder .. "/nowhere.pt"):find("nowhere.pt: No such file", 1, true))
    assert.truthy(refused(folder):find("not a file", 1, true))
  end)

  -- A zip archive of stored entries.
  local function archive(entries)
    local body, list = {}, {}
    local at = 0
    for name, bytes in pairs(entries) do
      local sizes = ("<I4I4I4I2I2"):pack(0, #bytes, #bytes, #name, 0)
      body[#body + 1] = ("<c4I2I2I2I2I2"):pack("PK\3\4", 20, 0, 0, 0, 0) .. sizes .. name .. bytes
      list[#list + 1] = ("<c4I2I2I2I2I2I2"):pack("PK\1\2", 20, 20, 0, 0, 0, 0) .. sizes
        .. ("<I2I2I2I4I4"):pack(0, 0, 0, 0, at) .. name
      at = at + #body[#body]
    end
    local directory = table.concat(list)
    return table.concat(body) .. directory
      .. ("<c4I2I2I2I2I4I4I2"):pack("PK\5\6", 0, 0, #list, #list, #directory, at, 0)
  end

  it("a function with millions of arguments", function()
    local none = ("N"):rep(2000000)
    assert(fs.write(folder .. "/many.pt", archive {
      ["m/data.pkl"] = "\x80\2ctorch._utils\n_rebuild_tensor_v2\n(" .. none .. "tR.",
    }))
    assert.truthy(refused(folder .. "/many.pt"):find("a function is given 2000000 arguments", 1, true))
  end)

  it("a list of entries that fills a sparse file", function()
    local path, size = folder .. "/sparse.pt", 3 << 30
    local file = assert(io.open(path, "wb"))
    file:seek("set", size)
    file:write(("<c4I2I2I2I2I4I4I2"):pack("PK\5\6", 0, 0, 1, 1, size, 0, 0))
    file:close()
    assert.truthy(refused(path):find("its list of entries has 3221225472 bytes", 1, true))
  end)

  it("any file that was cut, wherever it was cut", function()
    local whole = assert(fs.read(fixtures .. "medusa_lm_head.pt"))
    for size = 0, #whole - 1, 7 do
      assert(fs.write(folder .. "/cut.pt", whole:sub(1, size)))
      local tensors, message = medusa.convert(folder .. "/cut.pt", folder .. "/out")
      assert.is_nil(tensors)
      assert.is_nil(message:find "\n")
    end
  end)

  it("changed bytes in its pickle and its list of entries with a line, if at all", function()
    local whole = assert(fs.read(fixtures .. "medusa_lm_head.pt"))
    local pickle_at = assert(whole:find("\x80\2ccollections", 1, true))
    local list_at = assert(whole:find("PK\1\2", 1, true))
    local places = {}
    for i = pickle_at, pickle_at + 602, 3 do places[#places + 1] = i end
    for i = list_at, #whole, 3 do places[#places + 1] = i end
    local refusals = 0
    for _, at in ipairs(places) do
      local byte = whole:byte(at)
      assert(fs.write(folder .. "/bad.pt", whole:sub(1, at - 1) .. string.char(byte ~ 0xFF) .. whole:sub(at + 1)))
      local tensors, message = medusa.convert(folder .. "/bad.pt", folder .. "/out")
      if not tensors then
        refusals = refusals + 1
        assert.is_nil(message:find "[\n\r]")
      end
    end
    assert.is_true(refusals > #places / 2)
  end)

  it("to overwrite what it reads, and a folder that is not there", function()
    local path = folder .. "/model.pt"
    assert(fs.write(path, assert(fs.read(fixtures .. "medusa_lm_head.pt"))))
    local _, message = medusa.convert(path, folder .. "/../" .. folder:match "[^/]*$" .. "/model.pt")
    assert.truthy(message:find("would be overwritten", 1, true), message)
    _, message = medusa.convert(path, folder .. "/nowhere/out")
    assert.truthy(message:find("nowhere/out.part: No such file", 1, true), message)
  end)

  it("a result that its disk has no room for, and leaves no part of it", function()
    if not fs.stat "/dev/full" then return pending "there is no /dev/full" end
    assert(os.execute(("ln -s /dev/full '%s/out.part'"):format(folder)))
    local _, message = medusa.convert(fixtures .. "medusa_lm_head.pt", folder .. "/out")
    assert.truthy(message:find("out.part: No space left", 1, true), message)
    assert.same({}, fs.list(folder))
  end)

  it("a kind that is none", function()
    local _, _, status = os.execute(("'%s' convert meduza a b 2>'%s/err'"):format(environment.executable, folder))
    assert.equal(2, status)
    assert.truthy(fs.read(folder .. "/err"):find("did you mean 'medusa'?", 1, true))
  end)
end)
