/* SPDX-License-Identifier: MIT
 *
 * clip-file.c: see clip-file.h.
 */
#include "clip-file.h"

#include "audio-file.h"

CwClip *
cw_clip_open (const char *path, GError **error)
{
  g_autoptr (CwAudio)  audio = cw_audio_read (path, error);
  g_autoptr (CwRecipe) recipe = NULL;
  g_autofree char     *name = g_filename_display_basename (path);
  CwClip              *clip;

  if (!audio || (audio->n_channels > 2 && !cw_audio_convert (audio, audio->rate_hz, 2, error)))
    return NULL;
  if (!audio->comment || !(recipe = cw_recipe_from_json (audio->comment))) {
    recipe = g_new0 (CwRecipe, 1);
    recipe->prompt = g_strdup (name);
    recipe->duration_s = (double) audio->n_samples / audio->rate_hz;
  }
  if (!(clip = cw_clip_new (recipe, audio->rate_hz, audio->n_channels, audio->n_samples, error)))
    return NULL;
  cw_clip_append (clip, audio->samples, audio->n_samples);
  cw_clip_set_name (clip, name);
  cw_clip_set_state (clip, CW_CLIP_DONE, NULL);
  return clip;
}
