/* SPDX-License-Identifier: MIT
 *
 * audio-stream.h: a sound file block by block, at the rate and channel count that are asked for: hours in constant memory.
 */
#pragma once

#include <gio/gio.h>

typedef struct _CwAudioStream CwAudioStream;

/* Opens any sound file that libsndfile knows. Refuses broken files, no channels, a rate of 0, with a sentence that names the file. */
CwAudioStream *cw_audio_stream_open (const char *path, GError **error);
void           cw_audio_stream_free (CwAudioStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CwAudioStream, cw_audio_stream_free)

/* Of the file itself. */
guint          cw_audio_stream_get_rate (const CwAudioStream *stream);
guint          cw_audio_stream_get_n_channels (const CwAudioStream *stream);
/* Samples per channel that its header claims; 0 when it does not know. */
guint64        cw_audio_stream_get_n_claimed (const CwAudioStream *stream);
/* Samples per channel read so far. */
guint64        cw_audio_stream_get_n_read (const CwAudioStream *stream);
/* The file's own comment, or NULL; the stream's. */
const char    *cw_audio_stream_get_comment (const CwAudioStream *stream);

/* From here on blocks are mixed (see cw_audio_mix) to 1 or 2 channels and resampled (libsoxr, best quality) to @rate_hz. Before the first. */
gboolean       cw_audio_stream_convert (CwAudioStream *stream, guint rate_hz, guint n_channels, GError **error);
/* The next block, at least one sample but for the end: *samples interleaved, the stream's until the next call; returns samples per
 * channel, 0 at the end, -1 with @error (a sample that is not finite, a broken file, a file without any sound). */
gssize         cw_audio_stream_next (CwAudioStream *stream, const float **samples, GError **error);

/* @n samples of @n_from channels to @n_to (1 or 2): to mono is the mean, mono to stereo a copy; more to stereo keeps the first two and gives
 * every other channel to both sides at half its level, the sum scaled so that it cannot clip. */
void           cw_audio_mix (float *to, guint n_to, const float *from, guint n_from, gsize n);
