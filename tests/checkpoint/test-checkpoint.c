/* SPDX-License-Identifier: MIT
 *
 * test-checkpoint.c: pickles and configurations made by hand, each with what must be said about it; then seeds, mutated: bits, bytes,
 * pieces moved, cut and doubled, sizes blown up. Under the sanitizers a wrong step ends the test.
 *
 *     test-checkpoint ROUNDS SEED…      a checkpoint of torch's, NAME.safetensors, or a configuration, NAME.json
 *     test-checkpoint -SECONDS SEED…    other mutations of them all each time, until the seconds are over
 */
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "checkpoint/omegaconf.h"
#include "checkpoint/pickle.h"
#include "checkpoint/torch-file.h"
#include "fuzz-checkpoint.h"

#define SECONDS_MAX 240 /* of the whole: nothing hangs */

/* ---- pickles ---------------------------------------------------------------------------------------------------------- */

#define PROTO   "\x80\x02"
#define TEXT(n, text) "X" n "\0\0\0" text
#define STORAGE "(" TEXT ("\7", "storage") "ctorch\nFloatStorage\n" TEXT ("\1", "0") TEXT ("\3", "cpu") "K\x08tQ"
#define TENSOR(offset, sizes, strides) "ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "K" offset sizes strides "\x89" "ccollections\nOrderedDict\n)RtR"

static const struct {
  const char *bytes;
  size_t      n;
  const char *complaint; /* NULL: accepted */
} pickles[] = {
#define PICKLE(complaint, bytes) { bytes, sizeof bytes - 1, complaint }
  PICKLE (NULL, PROTO "N."),
  PICKLE (NULL, PROTO "}q\0(" TEXT ("\1", "a") "K\1" TEXT ("\1", "b") "]q\1(K\2K\3eu."),
  PICKLE (NULL, PROTO "ccollections\nOrderedDict\n)R}" TEXT ("\1", "m") "Nsb."),
  PICKLE (NULL, PROTO TENSOR ("\0", "K\2K\4\x86", "K\4K\1\x86") "."),
  PICKLE (NULL, PROTO "\x8a\x02\xff\xff."),
  PICKLE ("os.system", PROTO "cos\nsystem\n" TEXT ("\2", "id") "\x85R."),
  PICKLE ("builtins.eval", PROTO "cbuiltins\neval\n" TEXT ("\2", "id") "\x85R."),
  PICKLE ("torch.load", PROTO "ctorch\nload\n."),
  PICKLE ("torch.FloatStorage ", PROTO "ctorch\nFloatStorage \n."),
  PICKLE ("does not end", PROTO "ctorch\nFloatStor"),
  PICKLE ("(i)", PROTO "(ios\nsystem\n."),
  PICKLE ("(o)", PROTO "(No."),
  PICKLE ("left over", PROTO "NN."),
  PICKLE ("0x93", PROTO TEXT ("\2", "os") TEXT ("\6", "system") "\x93."),
  PICKLE ("0x82", PROTO "\x82\1."),
  PICKLE ("(V)", PROTO "Vabc\n."),
  PICKLE ("protocol 2", "\x80\x04N."),
  PICKLE ("protocol 2", "N."),
  PICKLE ("nothing on the stack|too few", PROTO "."),
  PICKLE ("too few", PROTO "R."),
  PICKLE ("too few", PROTO "(N(R."),
  PICKLE ("no mark", PROTO "t."),
  PICKLE ("stops inside", PROTO "(N."),
  PICKLE ("in the middle", PROTO "X\xff\xff\xff\x7fN."),
  PICKLE ("in the middle", PROTO "N"),
  PICKLE ("memo", PROTO "h\5."),
  PICKLE ("memo", PROTO "Nr\xff\xff\xff\x7f."),
  PICKLE ("into itself", PROTO "]q\0h\0a."),
  PICKLE ("into itself", PROTO "}q\0(Nh\0u."),
  PICKLE ("no open list", PROTO "]q\0]q\1h\0ah\0h\1a."),
  PICKLE ("no open list", PROTO "]q\0\x85h\0Na."),
  PICKLE ("no open list", PROTO "]q\0\x85q\1h\0h\1a."),
  PICKLE ("without a value", PROTO "}(Nu."),
  PICKLE ("64 bits", PROTO "\x8a\x09\1\1\1\1\1\1\1\1\1."),
  PICKLE ("arguments", PROTO "ccollections\nOrderedDict\nN\x85R."),
  PICKLE ("no name", PROTO "N)R."),
  PICKLE ("no dict", PROTO "]}b."),
  PICKLE ("a storage is called", PROTO "ctorch\nFloatStorage\n)R."),
  PICKLE ("not described", PROTO "(" TEXT ("\7", "storage") "ccollections\nOrderedDict\n" TEXT ("\1", "0") TEXT ("\3", "cpu") "K\x08tQ."),
  PICKLE ("not described", PROTO "(" TEXT ("\7", "storage") "ctorch\nFloatStorage\n" TEXT ("\1", "0") TEXT ("\3", "cpu") "J\xff\xff\xff\xfftQ."),
  PICKLE ("past the end", PROTO TENSOR ("\1", "K\2K\4\x86", "K\4K\1\x86") "."),
  PICKLE ("past the end", PROTO TENSOR ("\0", "K\3K\4\x86", "K\4K\1\x86") "."),
  PICKLE ("impossible shape", PROTO TENSOR ("\0", "\x8a\x07\0\0\0\0\0\0\1\x8a\x07\0\0\0\0\0\0\1\x86", "K\4K\1\x86") "."),
  PICKLE ("not described", PROTO TENSOR ("\0", "J\xff\xff\xff\xff\x85", "K\1\x85") "."),
  PICKLE ("not described", PROTO TENSOR ("\0", "K\2K\4\x86", "K\1\x85") "."),
};

static void
check_refusal (const char *what, bool accepted, const char *complaint, const cw_error *error)
{
  char  words[64];
  char *bar;

  CHECK (accepted == !complaint, "%s: %s", what, accepted ? "accepted" : error->message);
  if (accepted || !complaint)
    return;
  snprintf (words, sizeof words, "%s", complaint);
  bar = strchr (words, '|');
  if (bar)
    *bar = '\0';
  CHECK (strstr (error->message, words) || (bar && strstr (error->message, bar + 1)), "%s: “%s” does not speak of “%s”", what, error->message, complaint);
}

static void
test_pickles (void)
{
  for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
    cw_arena  arena = { 0 };
    cw_error  error = { 0 };
    cw_pickle pickle;
    char      name[32];

    snprintf (name, sizeof name, "pickle %zu", i);
    check_refusal (name, cw_pickle_load (&pickle, (const uint8_t *) pickles[i].bytes, pickles[i].n, &arena, "p", &error), pickles[i].complaint, &error);
    cw_arena_free (&arena);
  }
}

/* @n times @piece between @head and @tail. */
static void
test_repeated (const char *what, const char *head, size_t n_head, const char *piece, size_t n_piece, size_t n, const char *tail, const char *complaint)
{
  const size_t n_tail = strlen (tail), n_all = n_head + n * n_piece + n_tail;
  uint8_t     *bytes = malloc (n_all);
  cw_arena     arena = { 0 };
  cw_error     error = { 0 };
  cw_pickle    pickle;

  memcpy (bytes, head, n_head);
  for (size_t i = 0; i < n; i++)
    memcpy (bytes + n_head + i * n_piece, piece, n_piece);
  memcpy (bytes + n_head + n * n_piece, tail, n_tail);
  check_refusal (what, cw_pickle_load (&pickle, bytes, n_all, &arena, "p", &error), complaint, &error);
  CHECK (arena.n_bytes < 48u << 20, "%s took %zu bytes", what, arena.n_bytes);
  cw_arena_free (&arena);
  free (bytes);
}

static void
test_large_pickles (void)
{
  test_repeated ("60 tuples", PROTO "N", 3, "\x85", 1, 60, ".", NULL);
  test_repeated ("65 tuples", PROTO "N", 3, "\x85", 1, 65, ".", "nested too deep");
  test_repeated ("a million tuples", PROTO "N", 3, "\x85", 1, 1000000, ".", "nested too deep");
  test_repeated ("lists in lists", PROTO, 2, "]", 1, 100000, "a.", "left over");
  test_repeated ("a million marks", PROTO, 2, "(", 1, 1000000, ".", "places");
  test_repeated ("a million values", PROTO, 2, "N", 1, 1000000, ".", "values");
  test_repeated ("copies by the memo", PROTO "Nq\0", 5, "h\0", 2, 1000000, ".", "places");
  /* each tuple holds the one before twice: 2^60 leaves if somebody walked them */
  test_repeated ("doubled", PROTO "N", 3, "q\0h\0\x86", 5, 60, ".", NULL);
  test_repeated ("a long list", PROTO "](", 4, "N", 1, 200000, "e.", NULL);
}

/* ---- configurations ------------------------------------------------------------------------------------------------------ */

static const struct {
  const char *yaml, *key, *json, *complaint;
} configs[] = {
  { "a: 1\n", "a", "1", NULL },
  { "a: 1\nb: ${a}\n", "b", "1", NULL },
  { "a: {b: {c: 3}}\nd: ${a.b.c}\ne: ${d}\n", "e", "3", NULL },
  { "a: [5, 6, 7]\nb: ${a[1]}\nc: ${a.2}\n", "b", "6", NULL },
  { "a: {x: 1, y: '${.x}', z: {w: '${..x}'}}\n", "a", "{\"x\": 1, \"y\": 1, \"z\": {\"w\": 1}}", NULL },
  { "n: t5\na: ${n}-base\n", "a", "\"t5-base\"", NULL },
  { "n: 3\na: x${n}y${n}\n", "a", "\"x3y3\"", NULL },
  { "a: {b: 1}\nc: ${a}\n", "c", "{\"b\": 1}", NULL },
  { "a: null\nb: ~\nc:\n", "c", "null", NULL },
  { "a: [yes, No, true, 'yes', 0x10, 010, 1_000, 1e3, -2.5, .5, 1.0e-4, 12a, '12']\n", "a",
    "[true, false, true, \"yes\", 16, 8, 1000, 1000.0, -2.5, 0.5, 1e-4, \"12a\", \"12\"]", NULL },
  { "a: {}\n", "nothing", "null", NULL },
  { "a: ${oc.env:HOME}\nb: 1\n", "b", "1", NULL }, /* nobody asked for a */
  { "a: ${oc.env:HOME}\n", "a", NULL, "resolver" },
  { "a: ${b}\nb: ${a}\n", "a", NULL, "circle" },
  { "a: ${a}\n", "a", NULL, "circle" },
  { "a: {b: '${a}'}\n", "a", NULL, "circle|too large" },
  { "a: x${a}\n", "a", NULL, "circle" },
  { "a: ${b.c}\n", "a", NULL, "not there" },
  { "a: ${...........b}\n", "a", NULL, "not there" },
  { "a: ${b\n", "a", NULL, "does not end" },
  { "a: ${b${c}}\n", "a", NULL, "nested" },
  { "a: 1\na: 2\n", NULL, NULL, "twice" },
  { "a: &x 1\nb: *x\n", NULL, NULL, "anchors" },
  { "a: !!python/object:os.system x\n", NULL, NULL, "tags" },
  { "- 1\n", NULL, NULL, "no mapping" },
  { "just words\n", NULL, NULL, "no mapping" },
  { "", NULL, NULL, "empty" },
  { "a: [1, 2\n", NULL, NULL, "line" },
  { "a: 1\n---\nb: 2\n", NULL, NULL, "second document" },
  { "[a, b]: 1\n", NULL, NULL, "mapping|key" },
  { "{[a]: 1}\n", NULL, NULL, "key" },
  { "a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n", NULL, NULL, "deep" },
  { "a: [1,1,1,1,1,1,1,1]\nb: ['${a}','${a}','${a}','${a}','${a}','${a}','${a}','${a}']\n"
    "c: ['${b}','${b}','${b}','${b}','${b}','${b}','${b}','${b}']\nd: ['${c}','${c}','${c}','${c}','${c}','${c}','${c}','${c}']\n"
    "e: ['${d}','${d}','${d}','${d}','${d}','${d}','${d}','${d}']\n",
    "e", NULL, "too large" },
};

static void
test_configs (void)
{
  for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
    cw_error error = { 0 };
    json_t  *root = cw_omegaconf_parse (configs[i].yaml, strlen (configs[i].yaml), "c", &error);
    json_t  *part = root && configs[i].key ? cw_omegaconf_resolve (root, configs[i].key, "c", &error) : NULL;
    json_t  *expected = configs[i].json ? json_loads (configs[i].json, JSON_DECODE_ANY, NULL) : NULL;
    char    *text = part ? json_dumps (part, JSON_ENCODE_ANY) : NULL;

    check_refusal (configs[i].yaml, configs[i].key ? part != NULL : root != NULL, configs[i].complaint, &error);
    if (expected)
      CHECK (json_equal (part, expected), "%s gives %s, not %s", configs[i].yaml, text ? text : "nothing", configs[i].json);
    free (text);
    json_decref (expected);
    json_decref (part);
    json_decref (root);
  }
}

/* ---- mutations -------------------------------------------------------------------------------------------------------------- */

static uint64_t state = 0x9e3779b97f4a7c15;

static size_t
dice (size_t n)
{
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return n ? (size_t) (state >> 11) % n : 0;
}

/* A place that matters: in the first or last 4 KB, where zips keep what they say about themselves, or anywhere. */
static size_t
place (size_t n)
{
  const size_t edge = n < 4096 ? n : 4096;

  switch (dice (4)) {
  case 0: return dice (edge);
  case 1: return dice (n);
  default: return n - 1 - dice (edge);
  }
}

static size_t
mutate (uint8_t *data, size_t n)
{
  static const uint32_t sizes[] = { 0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff };
  size_t                a = place (n), b = place (n), length = 1 + dice (64);

  length = length < n - (a > b ? a : b) ? length : n - (a > b ? a : b);
  switch (dice (7)) {
  case 0: data[a] ^= (uint8_t) (1u << dice (8)); return n;
  case 1: data[a] = (uint8_t) dice (256); return n;
  case 2: memmove (data + a, data + b, length); return n;
  case 3: memset (data + a, (int) dice (256), length); return n;
  case 4: memcpy (data + a, &sizes[dice (10)], n - a < 4 ? n - a : 4); return n;
  case 5: return dice (8) ? n : 1 + dice (n);
  default: return dice (8) ? n : n - dice (n < 128 ? n : 128);
  }
}

static void
run_mutants (const uint8_t *seed, size_t n, int kind, size_t rounds)
{
  uint8_t *data = malloc (n + 1);

  for (size_t i = 0; i < rounds; i++) {
    size_t now = n;

    data[0] = (uint8_t) kind;
    memcpy (data + 1, seed, n);
    for (size_t times = i ? 1 + dice (4) : 0; times > 0 && now > 0; times--)
      now = mutate (data + 1, now);
    if (kind == FUZZ_N_KINDS)
      fuzz_config (data + 1, now);
    else
      LLVMFuzzerTestOneInput (data, now + 1);
  }
  free (data);
}

/* Each beginning of it, but for those in the middle of a large one. */
static void
run_cuts (const uint8_t *seed, size_t n, int kind)
{
  for (size_t cut = 0; cut < n; cut += n < 65536 || cut < 2048 || n - cut < 2048 ? 1 : 997) {
    uint8_t *head = malloc (cut + 1); /* so that a sanitizer sees its end */

    head[0] = (uint8_t) kind;
    memcpy (head + 1, seed, cut);
    LLVMFuzzerTestOneInput (head, cut + 1);
    free (head);
  }
}

/* Every opcode that torch.save does not write is refused by its number, whatever stands behind it. */
static void
test_opcodes (void)
{
  static const char known[] = "(.NJKMGX)t]ae}suhjqrcRbQ\x80\x85\x86\x87\x88\x89\x8a";

  for (unsigned op = 0; op < 256; op++) {
    const uint8_t bytes[] = { 0x80, 2, '(', 'N', (uint8_t) op, 1, 0, 0, 0, 0, 0, 0, 0, 'a', '\n', 'b', '\n', '.' };
    cw_arena      arena = { 0 };
    cw_error      error = { 0 };
    cw_pickle     pickle;
    char          number[16];

    if (op && strchr (known, (int) op))
      continue;
    snprintf (number, sizeof number, "opcode %#04x", op);
    check_refusal (number, cw_pickle_load (&pickle, bytes, sizeof bytes, &arena, "p", &error), op ? number : "opcode", &error);
    cw_arena_free (&arena);
  }
}

/* An archive whose only entry, @n_folder letters and /data.pkl, is stored: names as long as a path may be, and longer. */
static void
test_long_name (size_t n_folder)
{
  static const uint8_t pickle[] = { 0x80, 2, 'N', '.' };
  static const char    file[] = "/data.pkl";
  const size_t         n_name = n_folder + sizeof file - 1, n_local = 30 + n_name + sizeof pickle, n_entry = 46 + n_name;
  const size_t         n = n_local + n_entry + 22;
  uint8_t             *data = calloc (n + 1, 1), *local = data + 1, *entry = local + n_local, *end = entry + n_entry;

  data[0] = FUZZ_FILE;
  memcpy (local, "PK\3\4", 4);
  memcpy (entry, "PK\1\2", 4);
  memcpy (end, "PK\5\6", 4);
  local[18] = local[22] = entry[20] = entry[24] = sizeof pickle;
  local[26] = entry[28] = (uint8_t) n_name;
  local[27] = entry[29] = (uint8_t) (n_name >> 8);
  memset (local + 30, 'a', n_folder);
  memcpy (local + 30 + n_folder, file, sizeof file - 1);
  memcpy (entry + 46, local + 30, n_name);
  memcpy (local + 30 + n_name, pickle, sizeof pickle);
  end[8] = end[10] = 1;
  end[12] = (uint8_t) n_entry;
  end[13] = (uint8_t) (n_entry >> 8);
  end[16] = (uint8_t) n_local;
  end[17] = (uint8_t) (n_local >> 8);
  LLVMFuzzerTestOneInput (data, n + 1);
  free (data);
}

/* @cut: its beginnings, too. */
static void
mutate_torch (const char *path, const uint8_t *bytes, size_t n, size_t rounds, bool cut)
{
  cw_error               error = { 0 };
  cw_torch_file         *torch = cw_torch_file_open (path, &error);
  const cw_pickle_value *config = torch ? cw_pickle_get (cw_torch_file_object (torch), "xp.cfg") : NULL;

  CHECK (config, "“%s”: %s", path, error.message);
  if (config) {
    size_t         n_pickle;
    const uint8_t *pickle = cw_torch_file_description (torch, &n_pickle), *text = (const uint8_t *) config->string;

    run_mutants (bytes, n, FUZZ_FILE, rounds);
    run_mutants (pickle, n_pickle, FUZZ_PICKLE, 8 * rounds);
    run_mutants (text, config->n, FUZZ_YAML, 2 * rounds);
    run_mutants (text, config->n, FUZZ_N_KINDS, 2 * rounds);
    if (cut) {
      run_cuts (bytes, n, FUZZ_FILE);
      run_cuts (pickle, n_pickle, FUZZ_PICKLE);
      run_cuts (text, config->n, FUZZ_YAML);
    }
  }
  cw_torch_file_close (torch);
}

static bool
ends_with (const char *text, const char *end)
{
  return strlen (text) >= strlen (end) && strcmp (text + strlen (text) - strlen (end), end) == 0;
}

/* The file itself, and of a checkpoint its pickle and its configuration. */
static void
mutate_seed (const char *path, size_t rounds, bool cut)
{
  FILE        *file = fopen (path, "rb");
  uint8_t     *bytes = malloc (1 << 24);
  const size_t n = file ? fread (bytes, 1, 1 << 24, file) : 0;

  CHECK (n, "“%s” is not there", path);
  if (file)
    fclose (file);
  if (n && ends_with (path, ".json")) {
    run_mutants (bytes, n, FUZZ_N_KINDS, 4 * rounds);
  } else if (n && ends_with (path, ".safetensors")) {
    run_mutants (bytes, n, FUZZ_SAFETENSORS, 4 * rounds);
    if (cut)
      run_cuts (bytes, n, FUZZ_SAFETENSORS);
  } else if (n) {
    mutate_torch (path, bytes, n, rounds, cut);
  }
  free (bytes);
}

int
main (int argc, char **argv)
{
  const long   asked = argc > 1 ? strtol (argv[1], NULL, 10) : 0;
  const time_t until = time (NULL) + (asked < 0 ? -asked : 0);

  alarm ((unsigned) (asked < 0 ? -asked : 0) + SECONDS_MAX);
  if (asked < 0)
    state ^= (uint64_t) time (NULL) * 0x2545f4914f6cdd1d;
  test_pickles ();
  test_opcodes ();
  test_large_pickles ();
  test_configs ();
  for (size_t n = 4080; n <= 4096; n++)
    test_long_name (n);
  for (int i = 2; i < argc; i++)
    mutate_seed (argv[i], asked > 0 ? (size_t) asked : 0, true);
  while (time (NULL) < until)
    for (int i = 2; i < argc && time (NULL) < until; i++)
      mutate_seed (argv[i], 200, false);
  return check_done ();
}
