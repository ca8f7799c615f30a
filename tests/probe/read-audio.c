/* SPDX-License-Identifier: MIT
 *
 * read-audio.c: sound files, for the malformed ones.
 */
#include <math.h>
#include <sndfile.h>

#include "base/error.h"
#include "probe.h"

#define PIECE 4096 /* samples, of all channels */

bool
probe_read_audio (const char *path, cw_error *error)
{
  SF_INFO    info = { 0 };
  SNDFILE   *file = sf_open (path, SFM_READ, &info);
  sf_count_t n, total = 0;
  float      piece[PIECE];
  bool       ok = true;

  if (!file) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s” cannot be read as sound: %s", path, sf_strerror (NULL));
    return false;
  }
  if (info.channels < 1 || info.channels > PIECE || info.samplerate < 1) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s” has %d channels at %d Hz, at least 1 of each was expected.", path, info.channels,
             info.samplerate);
    ok = false;
  }
  while (ok && (n = sf_readf_float (file, piece, PIECE / info.channels)) > 0) {
    for (sf_count_t i = 0; i < n * info.channels && ok; i++)
      if (!isfinite (piece[i])) {
        cw_fail (error, CW_ERROR_FORMAT, "“%s”: sample %lld is %g, a finite number was expected.", path,
                 (long long) (total + i / info.channels), (double) piece[i]);
        ok = false;
      }
    total += n;
  }
  if (ok && total == 0) {
    cw_fail (error, CW_ERROR_FORMAT, "“%s” holds no samples.", path);
    ok = false;
  }
  sf_close (file);
  return ok;
}
