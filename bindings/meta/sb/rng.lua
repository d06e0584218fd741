---@meta sb.rng

--- Seeded random numbers, the same on every machine (PCG32). The last bit of normal, exponential and gamma draws
--- may differ between C libraries.
local rng = {}

---@class sb.Rng
local Rng = {}

---@param seed integer|string a string is hashed, so that seeds can be derived from names
---@param stream? integer streams of one seed are independent; default 0
---@return sb.Rng
function rng.new(seed, stream) end

--- A 64-bit hash.
---@param data string
---@param seed? integer default 0
---@return string hex sixteen hexadecimal digits
function rng.hash(data, seed) end

--- An integer of low..high, each as likely. Raises where low > high.
---@param low integer
---@param high integer
---@return integer
function Rng:int(low, high) end

---@return number in [0, 1)
function Rng:uniform() end

---@return number of mean 0 and standard deviation 1
function Rng:normal() end

---@return number of mean 1
function Rng:exponential() end

---@param shape number above 0
---@return number of mean `shape` (scale 1)
function Rng:gamma(shape) end

--- Shuffles an array in place.
---@generic T
---@param array T[]
---@return T[] array the same table
function Rng:shuffle(array) end

return rng
