/* SPDX-License-Identifier: MIT
 *
 * audiocraft-config.h: the configuration of AudioCraft's checkpoints (audiocraft/models/builders.py says what it means) as the models'
 *     own configurations. What this engine does not run is refused by its field's name.
 */
#pragma once

#include "checkpoint/audiocraft.h"
#include "models/encodec.h"
#include "models/magnet.h"
#include "models/melody.h"
#include "models/musicgen.h"

typedef struct {
  const char        *family;   /* "musicgen", "audiogen", "magnet" */
  cw_musicgen_config lm;       /* n_positions is not set: the codec's frame rate says it */
  cw_magnet_config   magnet;   /* of a "magnet" */
  cw_melody_config   melody;   /* of a lm.prefixed: MusicGen Melody */
  const char        *text_encoder; /* its name: "t5-base"; owned by the file */
  double             segment_s;    /* what one window of the model holds */
  double             guidance;     /* what the model was tuned with */
  long               rate_hz;      /* of the sound it was trained on */
} cw_audiocraft_lm;

/* state_dict.bin's. */
bool cw_audiocraft_read_lm (cw_audiocraft *file, cw_audiocraft_lm *lm, cw_error *error);
/* compression_state_dict.bin's, which must hold a codec itself. */
bool cw_audiocraft_read_codec (cw_audiocraft *file, cw_encodec_config *codec, cw_error *error);
