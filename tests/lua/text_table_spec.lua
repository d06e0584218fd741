local text_table = require "specbench.base.text_table"

describe("text_table.width", function()
  it("counts two columns for CJK, none for combining marks, one for a stray byte", function()
    assert.equal(3, text_table.width("abc"))
    assert.equal(4, text_table.width("润色"))
    assert.equal(4, text_table.width("한글"))
    assert.equal(1, text_table.width("e\u{301}"))
    assert.equal(3, text_table.width("a\xffb"))
  end)
end)

describe("text_table.text", function()
  it("shows whole floats as integers and leaves the rest alone", function()
    assert.equal("4", text_table.text(4.0))
    assert.equal("0.5", text_table.text(0.5))
    assert.equal("0.25k", text_table.text("0.25k"))
    assert.equal("inf", text_table.text(math.huge))
  end)
end)

describe("text_table.pad", function()
  it("aligns by columns, not bytes", function()
    assert.equal("润色  ", text_table.pad("润色", 6))
    assert.equal("  润色", text_table.pad("润色", 6, "right"))
    assert.equal(" 润色 ", text_table.pad("润色", 6, "center"))
    assert.equal("long", text_table.pad("long", 2))
  end)
end)

describe("text_table.cut", function()
  it("cuts between characters and never past the width", function()
    assert.equal("abc", text_table.cut("abc", 3))
    assert.equal("a...", text_table.cut("abcde", 4))
    assert.equal("润...", text_table.cut("润色润色", 6))
    assert.equal("ab", text_table.cut("abcde", 2))
  end)
end)

describe("text_table.wrap", function()
  it("breaks at spaces and lets a long word stand alone", function()
    assert.same({ "one two", "three" }, text_table.wrap("one two three", 8))
    assert.same({ "a", "overlong", "b" }, text_table.wrap("a overlong b", 4))
    assert.same({ "" }, text_table.wrap("", 4))
  end)
end)

describe("text_table.render", function()
  it("aligns titles, rule and cells", function()
    local text = text_table.render {
      columns = { { title = "task" }, { title = "speed-up", align = "right" }, { title = "note" } },
      rows = { { "润色", "1.42" }, { "qa", 12.0, "edge" } },
    }
    assert.equal("task  speed-up  note\n"
      .. "----  --------  ----\n"
      .. "润色      1.42\n"
      .. "qa          12  edge\n", text)
  end)

  it("has neither titles nor a rule where no column has a title", function()
    assert.equal("  a b\n", text_table.render { columns = { {}, {} }, rows = { { "a", "b" } },
      gap = 1, indent = 2 })
    assert.equal("", text_table.render { columns = { {} }, rows = {} })
  end)
end)
