/* SPDX-License-Identifier: MIT
 *
 * pickle.c: see pickle.h. A stack of values, a stack of marks into it, and a memo, as pickletools.py describes them.
 */
#include "checkpoint/pickle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define GLOBAL_MAX_BYTES 128
#define PIECE_BYTES      (64u << 10) /* taken from the arena at a time */

/* Pickle 2's opcodes, as the file spells them. */
enum {
  OP_MARK = '(', OP_STOP = '.', OP_NONE = 'N', OP_BININT = 'J', OP_BININT1 = 'K', OP_BININT2 = 'M', OP_BINFLOAT = 'G',
  OP_BINUNICODE = 'X', OP_EMPTY_TUPLE = ')', OP_TUPLE = 't', OP_EMPTY_LIST = ']', OP_APPEND = 'a', OP_APPENDS = 'e',
  OP_EMPTY_DICT = '}', OP_SETITEM = 's', OP_SETITEMS = 'u', OP_BINGET = 'h', OP_LONG_BINGET = 'j', OP_BINPUT = 'q',
  OP_LONG_BINPUT = 'r', OP_GLOBAL = 'c', OP_REDUCE = 'R', OP_BUILD = 'b', OP_BINPERSID = 'Q', OP_PROTO = 0x80,
  OP_TUPLE1 = 0x85, OP_TUPLE2 = 0x86, OP_TUPLE3 = 0x87, OP_NEWTRUE = 0x88, OP_NEWFALSE = 0x89, OP_LONG1 = 0x8a,
};

typedef enum { DICT_CLASS, REBUILD_TENSOR, REBUILD_PARAMETER, STORAGE_CLASS } role;

static const struct {
  const char *module, *name;
  role        role;
  cw_dtype    dtype;
} globals[] = {
  { "collections", "OrderedDict", DICT_CLASS, 0 },
  { "torch._utils", "_rebuild_tensor_v2", REBUILD_TENSOR, 0 },
  { "torch._utils", "_rebuild_parameter", REBUILD_PARAMETER, 0 },
  { "torch", "FloatStorage", STORAGE_CLASS, CW_F32 },
  { "torch", "HalfStorage", STORAGE_CLASS, CW_F16 },
  { "torch", "BFloat16Storage", STORAGE_CLASS, CW_BF16 },
  { "torch", "DoubleStorage", STORAGE_CLASS, CW_F64 },
  { "torch", "LongStorage", STORAGE_CLASS, CW_I64 },
  { "torch", "IntStorage", STORAGE_CLASS, CW_I32 },
  { "torch", "ShortStorage", STORAGE_CLASS, CW_I16 },
  { "torch", "CharStorage", STORAGE_CLASS, CW_I8 },
  { "torch", "ByteStorage", STORAGE_CLASS, CW_U8 },
  { "torch", "BoolStorage", STORAGE_CLASS, CW_BOOL },
};

typedef struct {
  const uint8_t    *bytes;
  size_t            n, at;
  const char       *path;
  cw_arena         *arena;
  cw_error         *error;
  bool              failed;
  cw_pickle_value **stack, **memo;
  size_t            n_stack, stack_room, memo_room;
  size_t           *marks; /* places in the stack */
  size_t            n_marks, marks_room;
  char             *piece; /* of the arena: what small () gives out */
  size_t            n_piece, n_values;
  const cw_pickle_storage *last_storage;
} machine;

/* ---- helpers ------------------------------------------------------------------------------------------------------ */

static bool
refuse (machine *m, const char *what)
{
  if (!m->failed)
    cw_fail (m->error, CW_ERROR_FORMAT, "“%s”: the pickle is refused at byte %zu: %s.", m->path, m->at, what);
  m->failed = true;
  return false;
}

static bool
no_memory (machine *m)
{
  if (!m->failed)
    cw_fail_memory (m->error, m->path, m->n);
  m->failed = true;
  return false;
}

/* The next @n bytes, or NULL. */
static const uint8_t *
take (machine *m, size_t n)
{
  const uint8_t *bytes = m->bytes + m->at;

  if (m->failed || n > m->n - m->at) {
    refuse (m, "it ends in the middle of an instruction");
    return NULL;
  }
  m->at += n;
  return bytes;
}

/* An unsigned number of @n bytes; 0 after a failure. */
static uint64_t
take_number (machine *m, unsigned n)
{
  const uint8_t *bytes = take (m, n);
  uint64_t       value = 0;

  while (bytes && n-- > 0)
    value = value << 8 | bytes[n];
  return value;
}

/* Zeroed memory that lives as long as the values: small things share pieces of the arena. */
static void *
small (machine *m, size_t n_bytes)
{
  char *memory;

  n_bytes = (n_bytes + 15) & ~(size_t) 15;
  if (n_bytes > m->n_piece) {
    const size_t n = n_bytes > PIECE_BYTES ? n_bytes : PIECE_BYTES;
    if (!(m->piece = cw_arena_take (m->arena, n, 1))) {
      m->n_piece = 0;
      no_memory (m);
      return NULL;
    }
    m->n_piece = n;
  }
  memory = m->piece;
  m->piece += n_bytes;
  m->n_piece -= n_bytes;
  return memory;
}

static cw_pickle_value *
new_value (machine *m, cw_pickle_kind kind)
{
  cw_pickle_value *value = NULL;

  if (m->failed)
    return NULL;
  if (m->n_values++ == CW_PICKLE_VALUES_MAX)
    refuse (m, "it makes more values than a checkpoint has");
  else if ((value = small (m, sizeof *value)))
    value->kind = (uint8_t) kind;
  return value;
}

/* @list of *room places of @size bytes, lengthened; NULL when it has @max already. */
static void *
lengthen (machine *m, void *list, size_t *room, size_t size, size_t max)
{
  const size_t longer_room = 2 * *room + 64;
  char        *longer = NULL;

  if (*room >= max)
    refuse (m, "it needs more places than a checkpoint does");
  else if (!(longer = realloc (list, longer_room * size)))
    no_memory (m);
  if (!longer)
    return NULL;
  memset (longer + *room * size, 0, (longer_room - *room) * size);
  *room = longer_room;
  return longer;
}

static void
push (machine *m, cw_pickle_value *value)
{
  void *longer;

  if (!value || m->failed)
    return;
  if (m->n_stack == m->stack_room) {
    if (!(longer = lengthen (m, m->stack, &m->stack_room, sizeof *m->stack, CW_PICKLE_STACK_MAX)))
      return;
    m->stack = longer;
  }
  m->stack[m->n_stack++] = value;
}

/* The place above the topmost mark. */
static size_t
bottom (const machine *m)
{
  return m->n_marks ? m->marks[m->n_marks - 1] : 0;
}

/* Are there @n values above the topmost mark? */
static bool
has (machine *m, size_t n)
{
  return !m->failed && (m->n_stack - bottom (m) >= n || refuse (m, "an instruction finds too few values on the stack"));
}

static cw_pickle_value *
pop (machine *m)
{
  return has (m, 1) ? m->stack[--m->n_stack] : NULL;
}

static cw_pickle_value *
top (machine *m)
{
  return has (m, 1) ? m->stack[m->n_stack - 1] : NULL;
}

/* Where the values above the topmost mark begin; the mark is gone then. */
static bool
pop_mark (machine *m, size_t *begin)
{
  if (m->failed || m->n_marks == 0)
    return refuse (m, "an instruction finds no mark on the stack");
  *begin = m->marks[--m->n_marks];
  return true;
}

static bool
is_container (const cw_pickle_value *value)
{
  return value->kind == CW_PICKLE_TUPLE || value->kind == CW_PICKLE_LIST || value->kind == CW_PICKLE_DICT;
}

/* ---- containers -------------------------------------------------------------------------------------------------------- */

/* Places of a container with @n items: a power of two, so that it need not be stored. */
static size_t
places (size_t n)
{
  size_t room = 1;

  if (n == 0)
    return 0;
  while (room < n)
    room *= 2;
  return room;
}

/* Puts @n values behind those that @into has. The shorter lists stay in the arena, together no more than the last one. */
static bool
put (machine *m, cw_pickle_value *into, cw_pickle_value *const *values, size_t n)
{
  const cw_pickle_value **items;

  if (m->failed)
    return false;
  if (places (into->n + n) > places (into->n)) {
    if (!(items = small (m, places (into->n + n) * sizeof *items)))
      return false;
    if (into->n)
      memcpy (items, into->items, into->n * sizeof *items);
    into->items = items;
  }
  for (size_t i = 0; i < n; i++) {
    cw_pickle_value *value = values[i];

    if (is_container (value)) {
      if (value == into)
        return refuse (m, "a container is put into itself");
      value->closed = true;
      if (value->depth >= into->depth)
        into->depth = (uint8_t) (value->depth + 1);
    }
    into->items[into->n++] = value;
  }
  return into->depth <= CW_PICKLE_DEPTH_MAX || refuse (m, "its containers are nested too deep");
}

static void
make_tuple (machine *m, size_t n)
{
  cw_pickle_value *tuple = has (m, n) ? new_value (m, CW_PICKLE_TUPLE) : NULL;

  if (!tuple)
    return;
  tuple->depth = 1;
  m->n_stack -= n;
  if (put (m, tuple, m->stack + m->n_stack, n))
    push (m, tuple);
}

static void
make_container (machine *m, cw_pickle_kind kind)
{
  cw_pickle_value *value = new_value (m, kind);

  if (value)
    value->depth = 1;
  push (m, value);
}

/* The values from @begin of the stack on go into the container below them. */
static void
add_items (machine *m, cw_pickle_kind kind, size_t begin)
{
  const size_t     n = m->n_stack - begin;
  cw_pickle_value *into;

  m->n_stack = begin;
  if (!(into = top (m)))
    return;
  if (into->kind != kind || into->closed)
    refuse (m, kind == CW_PICKLE_DICT ? "items are set in what is no open dict" : "items are appended to what is no open list");
  else if (kind == CW_PICKLE_DICT && n % 2 != 0)
    refuse (m, "a dict gets a key without a value");
  else
    put (m, into, m->stack + begin, n);
}

/* ---- names and calls -------------------------------------------------------------------------------------------------- */

/* A line of text, up to its newline. */
static const char *
take_line (machine *m, size_t *n)
{
  const uint8_t *begin = m->bytes + m->at, *end = m->failed ? NULL : memchr (begin, '\n', m->n - m->at);

  if (!end) {
    refuse (m, "a name does not end");
    return NULL;
  }
  *n = (size_t) (end - begin);
  m->at += *n + 1;
  return (const char *) begin;
}

static void
find_global (machine *m)
{
  size_t           n_module, n_name = 0;
  const char      *module = take_line (m, &n_module), *name = module ? take_line (m, &n_name) : NULL;
  cw_pickle_value *value;

  if (!name)
    return;
  for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
    if (strlen (globals[i].module) == n_module && memcmp (globals[i].module, module, n_module) == 0 &&
        strlen (globals[i].name) == n_name && memcmp (globals[i].name, name, n_name) == 0) {
      if ((value = new_value (m, CW_PICKLE_GLOBAL)))
        value->n = (uint32_t) i;
      push (m, value);
      return;
    }
  cw_fail (m->error, CW_ERROR_FORMAT,
           "“%s”: the pickle names “%.*s.%.*s”, which weights do not need; nothing of it was run (a file that asks for it is not to be trusted).",
           m->path, (int) (n_module < GLOBAL_MAX_BYTES ? n_module : GLOBAL_MAX_BYTES), module,
           (int) (n_name < GLOBAL_MAX_BYTES ? n_name : GLOBAL_MAX_BYTES), name);
  m->failed = true;
}

/* ('storage', class, key, place, elements), or with a view behind that must be None. */
static void
find_storage (machine *m)
{
  const cw_pickle_value *id = pop (m);
  cw_pickle_value       *value;

  if (!id)
    return;
  if (id->kind != CW_PICKLE_TUPLE || (id->n != 5 && id->n != 6) || !cw_pickle_is (id->items[0], "storage") ||
      id->items[1]->kind != CW_PICKLE_GLOBAL || globals[id->items[1]->n].role != STORAGE_CLASS ||
      id->items[2]->kind != CW_PICKLE_STRING || id->items[4]->kind != CW_PICKLE_INT || id->items[4]->integer < 0 ||
      (id->n == 6 && id->items[5]->kind != CW_PICKLE_NONE)) {
    refuse (m, "a storage is not described as torch.save does");
    return;
  }
  if (!(value = new_value (m, CW_PICKLE_STORAGE)))
    return;
  if (!(value->storage = small (m, sizeof *value->storage)))
    return;
  *value->storage = (cw_pickle_storage){ id->items[2], globals[id->items[1]->n].dtype, (size_t) id->items[4]->integer, m->last_storage };
  m->last_storage = value->storage;
  push (m, value);
}

/* A tuple of numbers that are not negative. */
static bool
are_sizes (const cw_pickle_value *tuple)
{
  if (tuple->kind != CW_PICKLE_TUPLE || tuple->n > CW_DIMS_MAX)
    return false;
  for (size_t i = 0; i < tuple->n; i++)
    if (tuple->items[i]->kind != CW_PICKLE_INT || tuple->items[i]->integer < 0)
      return false;
  return true;
}

/* (storage, offset, size, stride, requires_grad, hooks …): shape and place are checked against the storage. */
static void
rebuild_tensor (machine *m, const cw_pickle_value *args)
{
  cw_pickle_value  *value;
  cw_pickle_tensor *tensor;
  size_t            n = 1, end;

  if (args->n < 5 || args->items[0]->kind != CW_PICKLE_STORAGE || args->items[1]->kind != CW_PICKLE_INT || args->items[1]->integer < 0 ||
      !are_sizes (args->items[2]) || !are_sizes (args->items[3]) || args->items[2]->n != args->items[3]->n) {
    refuse (m, "a tensor is not described as torch.save does");
    return;
  }
  if (!(value = new_value (m, CW_PICKLE_TENSOR)))
    return;
  if (!(tensor = value->tensor = small (m, sizeof *tensor)))
    return;
  *tensor = (cw_pickle_tensor){ args->items[0]->storage, (size_t) args->items[1]->integer, args->items[2]->n, { 0 }, true };
  for (unsigned i = tensor->n_dims; i-- > 0;) {
    tensor->dims[i] = (uint64_t) args->items[2]->items[i]->integer;
    /* a dimension of 1 may have any stride: it is never walked */
    if (tensor->dims[i] != 1 && (uint64_t) args->items[3]->items[i]->integer != n)
      tensor->contiguous = false;
    if (!cw_mul (n, (size_t) tensor->dims[i], &n)) {
      refuse (m, "a tensor has an impossible shape");
      return;
    }
  }
  if (n == 0)
    tensor->contiguous = true;
  if (!cw_add (n, tensor->offset, &end) || end > tensor->storage->n)
    refuse (m, "a tensor reaches past the end of its storage");
  else
    push (m, value);
}

static void
call (machine *m)
{
  cw_pickle_value *args = pop (m), *function = args ? pop (m) : NULL;

  if (!function)
    return;
  if (function->kind != CW_PICKLE_GLOBAL || args->kind != CW_PICKLE_TUPLE) {
    refuse (m, "a call of something that is no name");
    return;
  }
  switch (globals[function->n].role) {
  case DICT_CLASS:
    if (args->n == 0)
      make_container (m, CW_PICKLE_DICT);
    else
      refuse (m, "an OrderedDict is made with arguments");
    break;
  case REBUILD_TENSOR:
    rebuild_tensor (m, args);
    break;
  case REBUILD_PARAMETER:
    if (args->n == 3 && args->items[0]->kind == CW_PICKLE_TENSOR)
      push (m, (cw_pickle_value *) args->items[0]);
    else
      refuse (m, "a parameter is made of something that is no tensor");
    break;
  case STORAGE_CLASS:
    refuse (m, "a storage is called");
    break;
  }
}

/* An OrderedDict of state_dict () carries versions of modules, which matter to nobody here. */
static void
build (machine *m)
{
  const cw_pickle_value *state = pop (m), *object = state ? top (m) : NULL;

  if (object && object->kind != CW_PICKLE_DICT)
    refuse (m, "BUILD on something that is no dict");
}

/* ---- numbers, strings, memo ------------------------------------------------------------------------------------------ */

static void
push_integer (machine *m, cw_pickle_kind kind, int64_t integer)
{
  cw_pickle_value *value = new_value (m, kind);

  if (value)
    value->integer = integer;
  push (m, value);
}

/* LONG1: two's complement, of as many bytes as its first says. */
static void
push_long (machine *m)
{
  const unsigned n = (unsigned) take_number (m, 1);
  uint64_t       bits;

  if (n > 8) {
    refuse (m, "a number has more than 64 bits");
    return;
  }
  bits = take_number (m, n);
  if (n > 0 && n < 8 && bits >> (8 * n - 1) & 1)
    bits |= UINT64_MAX << 8 * n;
  push_integer (m, CW_PICKLE_INT, (int64_t) bits);
}

/* BINFLOAT: a double, most significant byte first. */
static void
push_float (machine *m)
{
  const uint8_t   *bytes = take (m, 8);
  cw_pickle_value *value = new_value (m, CW_PICKLE_FLOAT);
  uint64_t         bits = 0;

  if (!bytes || !value)
    return;
  for (unsigned i = 0; i < 8; i++)
    bits = bits << 8 | bytes[i];
  memcpy (&value->number, &bits, sizeof bits);
  push (m, value);
}

static void
push_string (machine *m)
{
  const uint32_t   n = (uint32_t) take_number (m, 4);
  const uint8_t   *bytes = take (m, n);
  cw_pickle_value *value = bytes ? new_value (m, CW_PICKLE_STRING) : NULL;

  if (!value)
    return;
  value->n = n;
  value->string = (const char *) bytes;
  push (m, value);
}

static void
memo_put (machine *m, size_t index)
{
  cw_pickle_value *value = top (m);
  void            *longer;

  if (!value)
    return;
  if (index >= CW_PICKLE_MEMO_MAX) {
    refuse (m, "its memo has more places than a checkpoint needs");
    return;
  }
  while (index >= m->memo_room) {
    if (!(longer = lengthen (m, m->memo, &m->memo_room, sizeof *m->memo, CW_PICKLE_MEMO_MAX)))
      return;
    m->memo = longer;
  }
  m->memo[index] = value;
}

static void
memo_get (machine *m, size_t index)
{
  if (!m->failed && index < m->memo_room && m->memo[index])
    push (m, m->memo[index]);
  else
    refuse (m, "it asks the memo for what was never put there");
}

static void
push_mark (machine *m)
{
  void *longer;

  if (m->n_marks == m->marks_room) {
    if (!(longer = lengthen (m, m->marks, &m->marks_room, sizeof *m->marks, CW_PICKLE_STACK_MAX)))
      return;
    m->marks = longer;
  }
  m->marks[m->n_marks++] = m->n_stack;
}

/* ---- the machine ------------------------------------------------------------------------------------------------------ */

static void
refuse_opcode (machine *m, unsigned op)
{
  char what[64];

  snprintf (what, sizeof what, op > ' ' && op < 0x7f ? "opcode %#04x (%c) is not one that weights need" : "opcode %#04x is not one that weights need", op, op);
  refuse (m, what);
}

/* One instruction but STOP. */
static void
execute (machine *m, unsigned op)
{
  size_t begin;

  switch (op) {
  case OP_PROTO:
    if (take_number (m, 1) != 2)
      refuse (m, "only protocol 2 is known, which torch.save writes");
    break;
  case OP_MARK: push_mark (m); break;
  case OP_NONE: push (m, new_value (m, CW_PICKLE_NONE)); break;
  case OP_NEWTRUE: push_integer (m, CW_PICKLE_BOOL, 1); break;
  case OP_NEWFALSE: push_integer (m, CW_PICKLE_BOOL, 0); break;
  case OP_BININT: push_integer (m, CW_PICKLE_INT, (int32_t) (uint32_t) take_number (m, 4)); break;
  case OP_BININT1: push_integer (m, CW_PICKLE_INT, (int64_t) take_number (m, 1)); break;
  case OP_BININT2: push_integer (m, CW_PICKLE_INT, (int64_t) take_number (m, 2)); break;
  case OP_LONG1: push_long (m); break;
  case OP_BINFLOAT: push_float (m); break;
  case OP_BINUNICODE: push_string (m); break;
  case OP_EMPTY_TUPLE: make_tuple (m, 0); break;
  case OP_TUPLE1: make_tuple (m, 1); break;
  case OP_TUPLE2: make_tuple (m, 2); break;
  case OP_TUPLE3: make_tuple (m, 3); break;
  case OP_TUPLE:
    if (pop_mark (m, &begin))
      make_tuple (m, m->n_stack - begin);
    break;
  case OP_EMPTY_LIST: make_container (m, CW_PICKLE_LIST); break;
  case OP_EMPTY_DICT: make_container (m, CW_PICKLE_DICT); break;
  case OP_APPEND:
    if (has (m, 2))
      add_items (m, CW_PICKLE_LIST, m->n_stack - 1);
    break;
  case OP_SETITEM:
    if (has (m, 3))
      add_items (m, CW_PICKLE_DICT, m->n_stack - 2);
    break;
  case OP_APPENDS:
    if (pop_mark (m, &begin))
      add_items (m, CW_PICKLE_LIST, begin);
    break;
  case OP_SETITEMS:
    if (pop_mark (m, &begin))
      add_items (m, CW_PICKLE_DICT, begin);
    break;
  case OP_BINPUT: memo_put (m, take_number (m, 1)); break;
  case OP_LONG_BINPUT: memo_put (m, take_number (m, 4)); break;
  case OP_BINGET: memo_get (m, take_number (m, 1)); break;
  case OP_LONG_BINGET: memo_get (m, take_number (m, 4)); break;
  case OP_GLOBAL: find_global (m); break;
  case OP_REDUCE: call (m); break;
  case OP_BUILD: build (m); break;
  case OP_BINPERSID: find_storage (m); break;
  default: refuse_opcode (m, op);
  }
}

bool
cw_pickle_load (cw_pickle *pickle, const uint8_t *bytes, size_t n, cw_arena *arena, const char *path, cw_error *error)
{
  machine        m = { .bytes = bytes, .n = n < CW_PICKLE_BYTES_MAX ? n : CW_PICKLE_BYTES_MAX, .path = path, .arena = arena, .error = error };
  const uint8_t *op;

  while ((op = take (&m, 1)) && *op != OP_STOP) {
    if (op == bytes && *op != OP_PROTO)
      refuse (&m, "it does not begin as a pickle of protocol 2");
    else
      execute (&m, *op);
  }
  if (!m.failed && m.n_marks)
    refuse (&m, "it stops inside of a container");
  *pickle = (cw_pickle){ pop (&m), m.last_storage, m.at };
  if (!m.failed && m.n_stack)
    refuse (&m, "it stops with values left over");
  free (m.stack);
  free (m.memo);
  free (m.marks);
  return !m.failed;
}

bool
cw_pickle_is (const cw_pickle_value *value, const char *text)
{
  return value && value->kind == CW_PICKLE_STRING && value->n == strlen (text) && memcmp (value->string, text, value->n) == 0;
}

const cw_pickle_value *
cw_pickle_get (const cw_pickle_value *dict, const char *key)
{
  if (!dict || dict->kind != CW_PICKLE_DICT)
    return NULL;
  for (size_t i = dict->n; i >= 2; i -= 2)
    if (cw_pickle_is (dict->items[i - 2], key))
      return dict->items[i - 1];
  return NULL;
}
