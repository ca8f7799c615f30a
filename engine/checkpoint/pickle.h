/* SPDX-License-Identifier: MIT
 *
 * pickle.h: a machine for the pickles of torch.save, and for nothing else. It builds containers, strings, numbers and descriptions of
 *     tensors; it never calls, imports or makes anything. Python's pickletools.py lists all opcodes; torch/_utils.py and
 *     torch/serialization.py say what the accepted names mean.
 *
 *   accepted opcodes (protocol 2)
 *     PROTO STOP MARK                               BINGET LONG_BINGET BINPUT LONG_BINPUT
 *     NONE NEWTRUE NEWFALSE BININT BININT1 BININT2  LONG1 (up to 8 bytes) BINFLOAT BINUNICODE
 *     EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3        EMPTY_LIST APPEND APPENDS
 *     EMPTY_DICT SETITEM SETITEMS                   GLOBAL REDUCE BUILD BINPERSID
 *
 *   accepted globals
 *     collections.OrderedDict                       called without arguments: a dict; BUILD on it (its _metadata) is dropped
 *     torch._utils._rebuild_tensor_v2               a view into a storage
 *     torch._utils._rebuild_parameter               the tensor inside
 *     torch.{Float,Half,BFloat16,Double,Long,Int,Short,Char,Byte,Bool}Storage
 *
 * Everything else is refused by name. Bounds: CW_PICKLE_*_MAX below. A container that lies in another one is closed: what would
 * change it, or put it into itself, is refused, so that values are trees but for shared leaves and have a depth.
 */
#pragma once

#include "base/arena.h"
#include "base/tensor.h"
#include "engine.h"

#define CW_PICKLE_BYTES_MAX  (16u << 20)
#define CW_PICKLE_VALUES_MAX (1u << 18) /* made in all: real ones have 30 for each tensor */
#define CW_PICKLE_STACK_MAX  (1u << 18)
#define CW_PICKLE_MEMO_MAX   (1u << 18)
#define CW_PICKLE_DEPTH_MAX  64

typedef enum {
  CW_PICKLE_NONE,
  CW_PICKLE_BOOL,
  CW_PICKLE_INT,
  CW_PICKLE_FLOAT,
  CW_PICKLE_STRING,
  CW_PICKLE_TUPLE,
  CW_PICKLE_LIST,
  CW_PICKLE_DICT,
  CW_PICKLE_GLOBAL,
  CW_PICKLE_STORAGE,
  CW_PICKLE_TENSOR,
} cw_pickle_kind;

typedef struct cw_pickle_value cw_pickle_value;

/* "storage": a run of numbers that lies elsewhere, named by its key. */
typedef struct cw_pickle_storage cw_pickle_storage;
struct cw_pickle_storage {
  const cw_pickle_value   *key; /* a string */
  cw_dtype                 dtype;
  size_t                   n;   /* elements */
  const cw_pickle_storage *previous; /* the one described before, or NULL */
};

/* A view into a storage, which it does not leave. */
typedef struct {
  const cw_pickle_storage *storage;
  size_t                   offset; /* elements */
  unsigned                 n_dims;
  uint64_t                 dims[CW_DIMS_MAX];
  bool                     contiguous; /* rows follow each other; else its strides are lost here */
} cw_pickle_tensor;

struct cw_pickle_value {
  uint8_t  kind;   /* cw_pickle_kind */
  uint8_t  depth;  /* containers: of what is inside, plus 1 */
  bool     closed; /* lies in another container */
  uint32_t n;      /* bytes of a string; items of a container, a dict's keys and values counted together; a global's number */
  union {
    int64_t                 integer; /* BOOL, INT */
    double                  number;
    const char             *string;  /* [n], in the pickle, not NUL-terminated, may be no UTF-8 */
    const cw_pickle_value **items;   /* [n] of TUPLE, LIST, DICT: key, value, key, value, … */
    cw_pickle_storage      *storage;
    cw_pickle_tensor       *tensor;
  };
};

/* What a pickle holds. */
typedef struct {
  const cw_pickle_value   *value;
  const cw_pickle_storage *last_storage; /* the last described, or NULL */
  size_t                   n_bytes;      /* of the pickle, its STOP included */
} cw_pickle;

/* Runs the pickle at @bytes, of at most @n bytes, to its STOP. The values live in @arena, their strings in @bytes. False and @error, one
 * sentence that says at which byte what was found. */
bool cw_pickle_load (cw_pickle *pickle, const uint8_t *bytes, size_t n, cw_arena *arena, const char *path, cw_error *error);

/* Is @value the string @text? */
bool                   cw_pickle_is (const cw_pickle_value *value, const char *text);
/* The value of the string @key in a dict; NULL when @dict is none or has no such key. The last one counts, as in Python. */
const cw_pickle_value *cw_pickle_get (const cw_pickle_value *dict, const char *key);
