-- Small dense systems: a matrix is a list of rows. Made for a hundred or two unknowns.

local linear = {}

---@param rows integer
---@param columns integer
---@return number[][] of zeros
function linear.zeros(rows, columns)
  local matrix = {}
  for i = 1, rows do
    local row = {}
    for j = 1, columns do row[j] = 0.0 end
    matrix[i] = row
  end
  return matrix
end

---@param a number[]
---@param b number[]
---@return number
function linear.dot(a, b)
  local sum = 0.0
  for i = 1, #a do sum = sum + a[i] * b[i] end
  return sum
end

---The lower factor of a symmetric positive definite matrix, of which the lower half is read.
---@param matrix number[][]
---@return number[][]? lower nil where it is not positive definite
function linear.cholesky(matrix)
  local lower = {}
  for i = 1, #matrix do
    local row, own = {}, matrix[i]
    for j = 1, i - 1 do
      local other, sum = lower[j], own[j]
      for m = 1, j - 1 do sum = sum - row[m] * other[m] end
      row[j] = sum / other[j]
    end
    local rest = own[i]
    for m = 1, i - 1 do rest = rest - row[m] * row[m] end
    if rest <= 0 or rest ~= rest then return nil end
    row[i] = math.sqrt(rest)
    lower[i] = row
  end
  return lower
end

---Solves lower x = values.
---@param lower number[][]
---@param values number[]
---@return number[]
function linear.forward(lower, values)
  local x = {}
  for i = 1, #lower do
    local row, sum = lower[i], values[i]
    for j = 1, i - 1 do sum = sum - row[j] * x[j] end
    x[i] = sum / row[i]
  end
  return x
end

---Solves (lower lower') x = values.
---@param lower number[][]
---@param values number[]
---@return number[]
function linear.solve(lower, values)
  local x = linear.forward(lower, values)
  for i = #lower, 1, -1 do
    local own = x[i] / lower[i][i]
    x[i] = own
    local row = lower[i]
    for j = 1, i - 1 do x[j] = x[j] - row[j] * own end
  end
  return x
end

---The inverse of a lower factor, lower too.
---@param lower number[][]
---@return number[][]
function linear.lower_inverse(lower)
  local inverse = {}
  for i = 1, #lower do
    local row, own = {}, lower[i]
    for j = 1, i do row[j] = 0.0 end
    for m = 1, i - 1 do
      local factor, above = own[m], inverse[m]
      for j = 1, m do row[j] = row[j] - factor * above[j] end
    end
    row[i] = 1.0
    local pivot = own[i]
    for j = 1, i do row[j] = row[j] / pivot end
    inverse[i] = row
  end
  return inverse
end

---The inverse of lower lower'.
---@param lower number[][]
---@return number[][]
function linear.inverse(lower)
  local half, size = linear.lower_inverse(lower), #lower
  local inverse = linear.zeros(size, size)
  for m = 1, size do
    local row = half[m]
    for i = 1, m do
      local factor, sums = row[i], inverse[i]
      for j = 1, i do sums[j] = sums[j] + factor * row[j] end
    end
  end
  for i = 1, size do
    for j = 1, i - 1 do inverse[j][i] = inverse[i][j] end
  end
  return inverse
end

---The diagonal of that inverse.
---@param lower number[][]
---@return number[]
function linear.inverse_diagonal(lower)
  local diagonal = {}
  for i = 1, #lower do diagonal[i] = 0.0 end
  for _, row in ipairs(linear.lower_inverse(lower)) do
    for j = 1, #row do diagonal[j] = diagonal[j] + row[j] * row[j] end
  end
  return diagonal
end

---@param matrix number[][]
---@param rows number[][] a sparse vector: each { index, values... }
---@param column integer which of the values
---@return number[] product
function linear.times_rows(matrix, rows, column)
  local result = {}
  for i = 1, #matrix do
    local sum, row = 0.0, matrix[i]
    for _, entry in ipairs(rows) do sum = sum + row[entry[1]] * entry[column] end
    result[i] = sum
  end
  return result
end

---@param vector number[]
---@param rows number[][] as above
---@param column integer
---@return number
function linear.dot_rows(vector, rows, column)
  local sum = 0.0
  for _, entry in ipairs(rows) do sum = sum + vector[entry[1]] * entry[column] end
  return sum
end

return linear
