/* SPDX-License-Identifier: MIT
 *
 * clip.c: the growing sound of one take, and the pyramid of peaks over it.
 *
 *     level 0   one lowest and highest value for each 64 samples of a channel
 *     level k   the same for each 64 · 2^k, up to a level with one bucket
 *
 * A bucket is written once, when its last sample is there, and before the count of ready samples that covers it is
 * released: a reader, who takes only whole buckets below the count it acquired, never meets a write. The buffers have
 * their full size from the start: see clip-memory.h.
 */
#include "clip.h"

#include <glib/gi18n.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clip-memory.h"
#include "error.h"

#define BASE_SHIFT 6 /* 64 samples */
#define LEVELS_MAX 48
#define SHOWN_STEP_S 30

typedef struct {
  float low, high;
} peak;

struct _CwClip {
  GObject        parent;

  CwRecipe      *recipe;
  char          *name, *failure;
  guint          rate_hz, n_channels;
  gsize          n_total; /* per channel */
  CwClipMemory  *memory;  /* of the samples, then of each level */
  float         *samples; /* [n_total, n_channels] */
  peak          *levels[LEVELS_MAX]; /* [n_total >> (BASE_SHIFT + level), n_channels] */
  guint          n_levels;
  atomic_size_t  n_ready;
  _Atomic double remaining_s;
  atomic_int     state; /* CwClipState; written by the main thread */
};

G_DEFINE_FINAL_TYPE (CwClip, cw_clip, G_TYPE_OBJECT)

enum { PROP_NAME = 1, PROP_STATE, N_PROPS };
static GParamSpec *props[N_PROPS];
static guint       grew_signal;

static void
cw_clip_finalize (GObject *object)
{
  CwClip *clip = CW_CLIP (object);

  cw_recipe_free (clip->recipe);
  g_free (clip->name);
  g_free (clip->failure);
  cw_clip_memory_free (clip->memory);
  G_OBJECT_CLASS (cw_clip_parent_class)->finalize (object);
}

static void
cw_clip_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  CwClip *clip = CW_CLIP (object);

  if (id == PROP_NAME)
    g_value_set_string (value, clip->name);
  else if (id == PROP_STATE)
    g_value_set_int (value, (int) cw_clip_get_state (clip));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
}

static void
cw_clip_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  if (id == PROP_NAME)
    cw_clip_set_name (CW_CLIP (object), g_value_get_string (value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
}

static void
cw_clip_class_init (CwClipClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->finalize = cw_clip_finalize;
  object_class->get_property = cw_clip_get_property;
  object_class->set_property = cw_clip_set_property;
  props[PROP_NAME] =
    g_param_spec_string ("name", NULL, NULL, NULL, G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  props[PROP_STATE] = g_param_spec_int ("state", NULL, NULL, CW_CLIP_WAITING, CW_CLIP_FAILED, CW_CLIP_WAITING,
                                        G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
  grew_signal = g_signal_new ("grew", CW_TYPE_CLIP, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
cw_clip_init (CwClip *clip)
{
  atomic_init (&clip->remaining_s, -1.0);
}

/* ---- making one ---------------------------------------------------------------------------------------------------- */

static gboolean
take_memory (CwClip *clip)
{
  gsize n_floats, sizes[1 + LEVELS_MAX];

  if (!g_size_checked_mul (&n_floats, clip->n_total, clip->n_channels) ||
      !g_size_checked_mul (&sizes[0], n_floats, 2 * sizeof (float)))
    return FALSE;
  sizes[0] /= 2;
  for (gsize n = clip->n_total >> BASE_SHIFT; n > 0 && clip->n_levels < LEVELS_MAX; n >>= 1)
    sizes[++clip->n_levels] = n * clip->n_channels * sizeof (peak);
  if (!(clip->memory = cw_clip_memory_new (clip->recipe->endless, sizes, 1 + clip->n_levels)))
    return FALSE;
  clip->samples = cw_clip_memory_get (clip->memory, 0);
  for (guint level = 0; level < clip->n_levels; level++)
    clip->levels[level] = cw_clip_memory_get (clip->memory, 1 + level);
  return TRUE;
}

/* Is there room for the samples before @end, and the buckets that they fill? */
static gboolean
has_room (CwClip *clip, gsize end)
{
  if (!cw_clip_memory_reach (clip->memory, 0, end * clip->n_channels * sizeof *clip->samples))
    return FALSE;
  for (guint level = 0; level < clip->n_levels; level++)
    if (!cw_clip_memory_reach (clip->memory, 1 + level, (end >> (BASE_SHIFT + level)) * clip->n_channels * sizeof (peak)))
      return FALSE;
  return TRUE;
}

/* What a person calls it until they call it otherwise: the prompt, and the number of a later take. */
static char *
first_name (const CwRecipe *recipe)
{
  g_autofree char *title = cw_recipe_to_title (recipe);
  g_autofree char *prompt = g_utf8_strlen (title, -1) > 120 ? g_utf8_substring (title, 0, 120) : g_strdup (title);

  if (recipe->take > 0) /* Translators: name of a clip that is not the first take: prompt, number */
    return g_strdup_printf (_ ("%s, take %u"), prompt, recipe->take + 1);
  return g_strdup (prompt);
}

CwClip *
cw_clip_new (const CwRecipe *recipe, guint rate_hz, guint n_channels, gsize n_samples_total, GError **error)
{
  g_autoptr (CwClip) clip = NULL;

  g_return_val_if_fail (recipe != NULL && rate_hz > 0 && n_channels > 0, NULL);
  clip = g_object_new (CW_TYPE_CLIP, NULL);
  clip->recipe = cw_recipe_copy (recipe);
  clip->name = first_name (recipe);
  clip->rate_hz = rate_hz;
  clip->n_channels = n_channels;
  clip->n_total = recipe->endless ? (gsize) CW_CLIP_ENDLESS_S * rate_hz : n_samples_total;
  if (!take_memory (clip)) {
    g_set_error (error, CW_ERROR, CW_ERROR_MEMORY,
                 _ ("There is not enough memory for a clip of %.1f s; make a shorter one, or fewer takes."),
                 (double) n_samples_total / rate_hz);
    return NULL;
  }
  return g_steal_pointer (&clip);
}

/* ---- the writer ---------------------------------------------------------------------------------------------------- */

static void
widen (peak *into, float low, float high)
{
  if (low < into->low)
    into->low = low;
  if (high > into->high)
    into->high = high;
}

/* Buckets of level 0 that [from, to) completes. */
static void
build_base (CwClip *clip, gsize from, gsize to)
{
  const guint n_channels = clip->n_channels;

  for (gsize bucket = from >> BASE_SHIFT; bucket < to >> BASE_SHIFT; bucket++)
    for (guint channel = 0; channel < n_channels; channel++) {
      const float *at = clip->samples + (bucket << BASE_SHIFT) * n_channels + channel;
      peak         found = { INFINITY, -INFINITY };

      for (gsize i = 0; i < (gsize) 1 << BASE_SHIFT; i++, at += n_channels)
        widen (&found, *at, *at);
      clip->levels[0][bucket * n_channels + channel] = found;
    }
}

static void
build_level (CwClip *clip, guint level, gsize from, gsize to)
{
  const guint n_channels = clip->n_channels, shift = BASE_SHIFT + level;
  const peak *below = clip->levels[level - 1];

  for (gsize bucket = from >> shift; bucket < to >> shift; bucket++)
    for (guint channel = 0; channel < n_channels; channel++) {
      const peak *right = below + (2 * bucket + 1) * n_channels + channel;
      peak        found = right[-(gssize) n_channels];

      widen (&found, right->low, right->high);
      clip->levels[level][bucket * n_channels + channel] = found;
    }
}

gboolean
cw_clip_append (CwClip *clip, const float *samples, gsize n_samples)
{
  const gsize from = atomic_load_explicit (&clip->n_ready, memory_order_relaxed);
  const gsize to = from + MIN (n_samples, clip->n_total - from);

  if (to == from)
    return n_samples == 0;
  if (!has_room (clip, to))
    return FALSE;
  memcpy (clip->samples + from * clip->n_channels, samples, (to - from) * clip->n_channels * sizeof *samples);
  if (clip->n_levels)
    build_base (clip, from, to);
  for (guint level = 1; level < clip->n_levels; level++)
    build_level (clip, level, from, to);
  atomic_store_explicit (&clip->n_ready, to, memory_order_release);
  return to == from + n_samples;
}

void
cw_clip_set_remaining (CwClip *clip, double seconds)
{
  atomic_store_explicit (&clip->remaining_s, seconds, memory_order_relaxed);
}

/* ---- any thread ---------------------------------------------------------------------------------------------------- */

guint
cw_clip_get_rate (CwClip *clip)
{
  return clip->rate_hz;
}

guint
cw_clip_get_n_channels (CwClip *clip)
{
  return clip->n_channels;
}

gsize
cw_clip_get_n_samples_total (CwClip *clip)
{
  return clip->n_total;
}

gsize
cw_clip_get_n_samples_shown (CwClip *clip)
{
  const gsize n_ready = cw_clip_get_n_ready (clip), step = (gsize) SHOWN_STEP_S * clip->rate_hz;

  if (cw_clip_is_finished (clip))
    return n_ready;
  return clip->recipe->endless ? MIN (clip->n_total, (n_ready / step + 1) * step) : clip->n_total;
}

gsize
cw_clip_get_n_ready (CwClip *clip)
{
  return atomic_load_explicit (&clip->n_ready, memory_order_acquire);
}

const float *
cw_clip_get_samples (CwClip *clip)
{
  return clip->samples;
}

double
cw_clip_get_remaining (CwClip *clip)
{
  return atomic_load_explicit (&clip->remaining_s, memory_order_relaxed);
}

gboolean
cw_clip_is_finished (CwClip *clip)
{
  return atomic_load_explicit (&clip->state, memory_order_acquire) >= CW_CLIP_DONE;
}

static void
widen_by_samples (const CwClip *clip, guint channel, gsize start, gsize end, peak *found)
{
  const float *at = clip->samples + start * clip->n_channels + channel;

  for (gsize i = start; i < end; i++, at += clip->n_channels)
    widen (found, *at, *at);
}

gboolean
cw_clip_get_peak (CwClip *clip, guint channel, gsize start, gsize end, float *low, float *high)
{
  const gsize base = (gsize) 1 << BASE_SHIFT;
  const gsize n_ready = cw_clip_get_n_ready (clip);
  peak        found = { INFINITY, -INFINITY };
  gsize       left, right;

  *low = *high = 0.0f;
  end = MIN (end, n_ready);
  if (start >= end || channel >= clip->n_channels)
    return FALSE;
  left = (start + base - 1) >> BASE_SHIFT;
  right = end >> BASE_SHIFT;
  if (left >= right) {
    widen_by_samples (clip, channel, start, end, &found);
  } else {
    widen_by_samples (clip, channel, start, left << BASE_SHIFT, &found);
    widen_by_samples (clip, channel, right << BASE_SHIFT, end, &found);
  }
  for (guint level = 0; left < right; level++, left /= 2, right /= 2) { /* both edges rise to even buckets */
    const peak *at = clip->levels[level] + channel;
    peak        edge;

    if (left % 2) {
      edge = at[left++ * clip->n_channels];
      widen (&found, edge.low, edge.high);
    }
    if (right % 2 && right > left) {
      edge = at[--right * clip->n_channels];
      widen (&found, edge.low, edge.high);
    }
  }
  if (found.low <= found.high) {
    *low = found.low;
    *high = found.high;
  }
  return TRUE;
}

/* ---- main thread --------------------------------------------------------------------------------------------------- */

const CwRecipe *
cw_clip_get_recipe (CwClip *clip)
{
  return clip->recipe;
}

const char *
cw_clip_get_name (CwClip *clip)
{
  return clip->name;
}

void
cw_clip_set_name (CwClip *clip, const char *name)
{
  char *copy;

  g_return_if_fail (CW_IS_CLIP (clip) && name != NULL);
  if (strcmp (clip->name, name) == 0)
    return;
  copy = g_strdup (name);
  g_free (clip->name);
  clip->name = copy;
  g_object_notify_by_pspec (G_OBJECT (clip), props[PROP_NAME]);
}

CwClipState
cw_clip_get_state (CwClip *clip)
{
  return (CwClipState) atomic_load_explicit (&clip->state, memory_order_relaxed);
}

const char *
cw_clip_get_failure (CwClip *clip)
{
  return clip->failure;
}

void
cw_clip_set_state (CwClip *clip, CwClipState state, const char *failure)
{
  char *copy = g_strdup (failure);

  g_return_if_fail (CW_IS_CLIP (clip));
  g_free (clip->failure);
  clip->failure = copy;
  atomic_store_explicit (&clip->state, (int) state, memory_order_release);
  g_object_notify_by_pspec (G_OBJECT (clip), props[PROP_STATE]);
  cw_clip_emit_grew (clip);
}

void
cw_clip_emit_grew (CwClip *clip)
{
  g_signal_emit (clip, grew_signal, 0);
}
