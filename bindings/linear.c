#include <math.h>

#include "measure/cholesky.h"
#include "sbl.h"

/* sb.linear: symmetric positive definite systems. A matrix is a userdata of its lower half; matrix:cholesky() gives its
 * lower factor, a userdata of the same form and of a type of its own. */

#define MATRIX "specbench.matrix"
#define FACTOR "specbench.factor"

typedef struct triangle {
  size_t size;
  double numbers[];
} triangle;

static double *new_numbers(lua_State *L, size_t count)
{
  if (count > SIZE_MAX / 2 / sizeof(double))
    luaL_error(L, "a matrix of so many rows is larger than memory");
  return lua_newuserdatauv(L, (count + 1) * sizeof(double), 0);
}

static triangle *new_triangle(lua_State *L, size_t size, const char *type)
{
  if (size > INT32_MAX)
    luaL_error(L, "a matrix of so many rows is larger than memory");
  triangle *made = lua_newuserdatauv(L, sizeof *made + sb_triangle_count(size) * sizeof(double), 0);
  made->size = size;
  luaL_setmetatable(L, type);
  return made;
}

static triangle *check_matrix(lua_State *L)
{
  return luaL_checkudata(L, 1, MATRIX);
}

static const triangle *check_factor(lua_State *L)
{
  return luaL_checkudata(L, 1, FACTOR);
}

/* Reads the first `count` numbers of the table on top of the stack, which is popped. */
static void read_row(lua_State *L, double *numbers, size_t count)
{
  if (!lua_istable(L, -1))
    luaL_error(L, "a row must be a list of numbers, not a %s", luaL_typename(L, -1));
  for (size_t i = 0; i < count; i++) {
    if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TNUMBER)
      luaL_error(L, "item %d of a row must be a number, not a %s", (int)i + 1, luaL_typename(L, -1));
    numbers[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* The list of `count` numbers at `index`, in a userdata that is pushed. */
static double *check_numbers(lua_State *L, int index, size_t count)
{
  luaL_checktype(L, index, LUA_TTABLE);
  luaL_argcheck(L, lua_rawlen(L, index) == count, index, "as many numbers are needed as the matrix has rows");
  double *numbers = new_numbers(L, count);
  lua_pushvalue(L, index);
  read_row(L, numbers, count);
  return numbers;
}

static int push_numbers(lua_State *L, const double *numbers, size_t count)
{
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_pushnumber(L, numbers[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* symmetric(rows) */
static int symmetric(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  size_t size = (size_t)lua_rawlen(L, 1);
  triangle *made = new_triangle(L, size, MATRIX);
  for (size_t i = 0; i < size; i++) {
    lua_rawgeti(L, 1, (lua_Integer)i + 1);
    read_row(L, sb_triangle_row(made->numbers, i), i + 1);
  }
  return 1;
}

/* Entries of sparse vectors, those of vector i from starts[i] on. */
typedef struct sparse {
  size_t *starts, *places;
  double *values;
} sparse;

static size_t count_entries(lua_State *L, int index, size_t size)
{
  size_t count = 0;
  for (size_t i = 0; i < size; i++) {
    if (lua_rawgeti(L, index, (lua_Integer)i + 1) != LUA_TTABLE)
      luaL_error(L, "vector %d must be a list of entries, not a %s", (int)i + 1, luaL_typename(L, -1));
    count += (size_t)lua_rawlen(L, -1);
    lua_pop(L, 1);
  }
  return count;
}

/* Field `column` of the entry { place, values... } on top of the stack. */
static double entry_field(lua_State *L, lua_Integer column)
{
  if (!lua_istable(L, -1) || lua_rawgeti(L, -1, column) != LUA_TNUMBER)
    luaL_error(L, "an entry must be a list of its place and its values");
  double value = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return value;
}

/* The vectors of the list at `index`, each a list of { place, values... }; pushes what they lie in. */
static sparse check_sparse(lua_State *L, int index, size_t size, size_t width, lua_Integer column)
{
  size_t count = count_entries(L, index, size), at = 0;
  sparse found;
  found.starts = lua_newuserdatauv(L, (size + 1) * sizeof *found.starts, 0);
  found.places = lua_newuserdatauv(L, (count + 1) * sizeof *found.places, 0);
  found.values = new_numbers(L, count);
  for (size_t i = 0; i < size; i++) {
    found.starts[i] = at;
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    for (lua_Integer e = 1, entries = (lua_Integer)lua_rawlen(L, -1); e <= entries; e++, at++) {
      lua_rawgeti(L, -1, e);
      double place = entry_field(L, 1);
      if (!(place >= 1 && place <= (double)width))
        luaL_error(L, "an entry's place must be one of the vectors' %d", (int)width);
      found.places[at] = (size_t)place - 1;
      found.values[at] = entry_field(L, column);
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
  found.starts[size] = at;
  return found;
}

static double dot_sparse(const double *vector, const sparse *entries, size_t j)
{
  double sum = 0.0;
  for (size_t e = entries->starts[j]; e < entries->starts[j + 1]; e++)
    sum += vector[entries->places[e]] * entries->values[e];
  return sum;
}

/* matrix:with_products(scale, vectors, sparse, column, diagonal) */
static int with_products(lua_State *L)
{
  const triangle *self = check_matrix(L);
  double scale = luaL_checknumber(L, 2);
  size_t size = self->size;
  for (int index = 3; index <= 4; index++) {
    luaL_checktype(L, index, LUA_TTABLE);
    luaL_argcheck(L, lua_rawlen(L, index) == size, index,
                  "as many vectors are needed as the matrix has rows");
  }
  lua_Integer column = luaL_checkinteger(L, 5);
  const double *diagonal = check_numbers(L, 6, size);
  size_t width = 0;
  if (lua_rawgeti(L, 3, 1) == LUA_TTABLE)
    width = (size_t)lua_rawlen(L, -1);
  lua_pop(L, 1);
  const sparse entries = check_sparse(L, 4, size, width, column);
  double *vector = new_numbers(L, width);
  triangle *made = new_triangle(L, size, MATRIX);
  for (size_t i = 0; i < size; i++) {
    lua_rawgeti(L, 3, (lua_Integer)i + 1);
    read_row(L, vector, width);
    const double *own = sb_triangle_row_of(self->numbers, i);
    double *row = sb_triangle_row(made->numbers, i);
    for (size_t j = 0; j <= i; j++)
      row[j] = dot_sparse(vector, &entries, j) + scale * own[j];
    row[i] += diagonal[i];
  }
  return 1;
}

/* matrix:cholesky(): nil where it is not positive definite */
static int cholesky(lua_State *L)
{
  const triangle *self = check_matrix(L);
  double *scratch = new_numbers(L, self->size * SB_CHOLESKY_SCRATCH);
  triangle *made = new_triangle(L, self->size, FACTOR);
  for (size_t i = 0; i < sb_triangle_count(self->size); i++)
    made->numbers[i] = self->numbers[i];
  if (sb_cholesky(made->numbers, made->size, scratch))
    lua_pushnil(L);
  return 1;
}

static int forward(lua_State *L)
{
  const triangle *self = check_factor(L);
  double *values = check_numbers(L, 2, self->size);
  sb_cholesky_forward(self->numbers, self->size, values);
  return push_numbers(L, values, self->size);
}

static int solve(lua_State *L)
{
  const triangle *self = check_factor(L);
  double *values = check_numbers(L, 2, self->size);
  sb_cholesky_solve(self->numbers, self->size, values);
  return push_numbers(L, values, self->size);
}

/* factor:log_root(): the sum of its diagonal's logarithms */
static int log_root(lua_State *L)
{
  const triangle *self = check_factor(L);
  double sum = 0.0;
  for (size_t i = 0; i < self->size; i++)
    sum += log(sb_triangle_row_of(self->numbers, i)[i]);
  lua_pushnumber(L, sum);
  return 1;
}

/* The factor's inverse, in a userdata that is pushed. */
static const double *push_inverse(lua_State *L, const triangle *self)
{
  double *inverse = new_numbers(L, sb_triangle_count(self->size));
  sb_cholesky_invert(self->numbers, self->size, inverse);
  return inverse;
}

/* factor:inverse(): of the matrix, whole rows */
static int inverse(lua_State *L)
{
  const triangle *self = check_factor(L);
  const double *half = push_inverse(L, self);
  size_t size = self->size;
  double *product = new_numbers(L, sb_triangle_count(size));
  for (size_t i = 0; i < sb_triangle_count(size); i++)
    product[i] = 0.0;
  for (size_t m = 0; m < size; m++) {
    const double *row = sb_triangle_row_of(half, m);
    for (size_t i = 0; i <= m; i++)
      for (size_t j = 0; j <= i; j++)
        sb_triangle_row(product, i)[j] += row[i] * row[j];
  }
  lua_createtable(L, (int)size, 0);
  for (size_t i = 0; i < size; i++) {
    lua_createtable(L, (int)size, 0);
    for (size_t j = 0; j < size; j++) {
      lua_pushnumber(L, i >= j ? sb_triangle_row_of(product, i)[j] : sb_triangle_row_of(product, j)[i]);
      lua_rawseti(L, -2, (lua_Integer)j + 1);
    }
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* factor:inverse_diagonal(): of the matrix */
static int inverse_diagonal(lua_State *L)
{
  const triangle *self = check_factor(L);
  const double *half = push_inverse(L, self);
  double *diagonal = new_numbers(L, self->size);
  for (size_t i = 0; i < self->size; i++)
    diagonal[i] = 0.0;
  for (size_t i = 0; i < self->size; i++) {
    const double *row = sb_triangle_row_of(half, i);
    for (size_t j = 0; j <= i; j++)
      diagonal[j] += row[j] * row[j];
  }
  return push_numbers(L, diagonal, self->size);
}

int sbl_open_linear(lua_State *L)
{
  static const luaL_Reg of_matrix[] = { { "with_products", with_products },
                                        { "cholesky", cholesky },
                                        { NULL, NULL } };
  static const luaL_Reg of_factor[] = { { "forward", forward },
                                        { "solve", solve },
                                        { "log_root", log_root },
                                        { "inverse", inverse },
                                        { "inverse_diagonal", inverse_diagonal },
                                        { NULL, NULL } };
  static const luaL_Reg functions[] = { { "symmetric", symmetric }, { NULL, NULL } };
  sbl_type(L, MATRIX, of_matrix);
  sbl_type(L, FACTOR, of_factor);
  luaL_newlib(L, functions);
  return 1;
}
