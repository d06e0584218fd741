-- Vectors, and the sparse ones by which a place's figures hang on a fit's unknowns; systems are solved by sb.linear.

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
