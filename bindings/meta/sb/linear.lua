---@meta sb.linear

--- Symmetric positive definite systems of some thousand unknowns, as fits of costs solve them. Factors and inverses
--- take time by the third power of their rows and memory by the second: 2,000 rows 16 MB, and about a second each.
local linear = {}

--- The lower half of a symmetric matrix.
---@class sb.Matrix
local Matrix = {}

--- A lower factor; the matrix is factor factor'.
---@class sb.Factor
local Factor = {}

---@param rows number[][] of row i the first i numbers are read
---@return sb.Matrix
function linear.symmetric(rows) end

--- scale * matrix + vectors sparse' + a diagonal one, of which the lower half is made.
---@param scale number
---@param vectors number[][] one a row of the matrix, all of one length
---@param sparse number[][][] one a row of the matrix: a list of { place in a vector, values... }
---@param column integer which field of an entry is its value, from 2
---@param diagonal number[] one a row
---@return sb.Matrix
function Matrix:with_products(scale, vectors, sparse, column, diagonal) end

---@return sb.Factor? factor nil where the matrix is not positive definite
function Matrix:cholesky() end

--- Solves factor x = values.
---@param values number[]
---@return number[]
function Factor:forward(values) end

--- Solves factor factor' x = values.
---@param values number[]
---@return number[]
function Factor:solve(values) end

--- The sum of the logarithms of its diagonal: half of the logarithm of the matrix' determinant.
---@return number
function Factor:log_root() end

--- The inverse of the matrix.
---@return number[][]
function Factor:inverse() end

--- The diagonal of that inverse, without the rest.
---@return number[]
function Factor:inverse_diagonal() end

return linear
