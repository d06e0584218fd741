-- A server behind TLS whose certificate only a company's own authority vouches for.

local has = dofile(require("sb.environment").home .. "/tests/lua/has.lua")
local program = require "specbench.base.program"

local w

before_each(function()
  w = dofile(require("sb.environment").home .. "/tests/cli/world.lua").new()
  w:write("grid.lua", (w.round():gsub('method = c.method, k = .-draft = .-,\n', 'method = c.method,\n')))
end)
after_each(function() w:remove() end)

-- An authority, and what it signed for localhost.
local CERTIFICATES = [[
exec 2>/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem &&
openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout tls.key -out tls.csr &&
printf 'subjectAltName=DNS:localhost' >tls.ext &&
openssl x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile tls.ext -out tls.pem
]]

describe("a server whose certificate a company's own authority signed", function()
  it("is measured where --cacert or SSL_CERT_FILE says so, and by no other", function()
    if not program.is_there "openssl" then pending "openssl is not installed" return end
    w:write("make.sh", CERTIFICATES)
    assert(os.execute(("cd '%s' && sh make.sh"):format(w.folder)))
    local url = w:stub({}, { tls = true })
    local run = "run grid.lua --engine external --url " .. url
      .. " --only method=none --only concurrency=1 --no-rerun --no-pictures --out results"
    local refused = w:run(run)
    assert.equal(1, refused.status, refused.err)
    has(refused.err, "the server is not up", "certificate")
    local trusted = w:run(run .. " --cacert ca.pem")
    assert.equal(0, trusted.status, trusted.err)
    has(trusted.err, "1 measured")
    local by_variable = w:run(run .. " --fresh --io-threads 2", { env = { SSL_CERT_FILE = w.folder .. "/ca.pem" } })
    assert.equal(0, by_variable.status, by_variable.err)
    -- the option goes before the variable
    local other = w:run(run .. " --fresh --cacert tls.key", { env = { SSL_CERT_FILE = w.folder .. "/ca.pem" } })
    assert.equal(1, other.status, other.err)
    has(other.err, "certificate")
    local absent = w:run(run .. " --cacert none.pem")
    assert.equal(1, absent.status)
    has(absent.err, "specbench: --cacert: cannot read the certificates 'none.pem': No such file or directory\n")
  end)
end)
