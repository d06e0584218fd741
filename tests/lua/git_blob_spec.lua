-- Git's id of a file's content.

local fs = require "sb.fs"
local git_blob = require "specbench.base.git_blob"

local path

before_each(function() path = os.tmpname() end)
after_each(function() os.remove(path) end)

local function id(text)
  assert(fs.write(path, text))
  return git_blob.id(path)
end

describe("git's id of a blob", function()
  it("is what git says", function() -- git hash-object
    assert.equal("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", id "")
    assert.equal("ce013625030ba8dba906f756967f9e9ca394464a", id "hello\n")
    assert.equal("d1985ddc2983785702b9a90effd5aff2f7cfdca4", id(("a"):rep(55)))
    assert.equal("4e4023a68f295bf3c40e30d8aa590764dc765aa3", id(("0123456789\n"):rep(20000)))
  end)

  it("is nothing of a file that is not there", function()
    assert.is_nil(git_blob.id(path .. ".none"))
  end)
end)
