/* SPDX-License-Identifier: MIT
 *
 * musicgen-card-bytes.c: what MusicGen's decoder takes of a card's memory, counted from its configuration before anything is there. Every
 *     line here is one of musicgen-card.c's, and test-generate-card compares the two. Sizes come from files: sums and products stop at SIZE_MAX.
 */
#include "models/musicgen-card.h"

size_t
cw_musicgen_card_weight_bytes (const cw_musicgen_config *config, cw_storage storage, cw_dtype in_file, cw_dtype positions)
{
  const size_t     c = config->width, k = config->n_codebooks, v = config->codebook_size;
  const cw_dtype   layers = cw_stored_dtype (storage, in_file), heads = cw_stored_dtype (cw_musicgen_head_storage (storage), in_file);
  const size_t     squares = cw_product (config->prefixed ? 4 : 6, cw_card_matrix_bytes (c, c, layers));
  const size_t     ffn = cw_sum (cw_card_matrix_bytes (config->ffn, c, layers), cw_card_matrix_bytes (c, config->ffn, layers));
  const size_t     norm = cw_product (2 * sizeof (float), c);
  const size_t     layer = cw_sum (cw_sum (squares, ffn), cw_product (config->prefixed ? 2 : 3, norm));
  const size_t     table = cw_product (cw_product (cw_sum (v, 1), c), cw_dtype_size (in_file));
  const size_t     codebook = cw_sum (cw_sum (table, cw_card_matrix_bytes (v, c, heads)), sizeof (void *));
  const size_t     places = cw_product (cw_product (config->n_positions, c), cw_dtype_size (positions));

  return cw_sum (cw_sum (cw_product (config->n_layers, layer), cw_product (k, codebook)), cw_sum (places, norm));
}

size_t
cw_musicgen_card_text_weight_bytes (const cw_musicgen_config *config, cw_storage storage, cw_dtype in_file)
{
  const cw_dtype dtype = cw_stored_dtype (cw_musicgen_text_storage (storage), in_file);
  const size_t   square = cw_card_matrix_bytes (config->width, config->width, dtype);

  return config->prefixed ? 0 : cw_product (cw_product (2, config->n_layers), square);
}

size_t
cw_musicgen_card_cache_bytes (const cw_musicgen_config *config, cw_storage storage, size_t n_rows, size_t max_steps, size_t n_tokens)
{
  const size_t pair = cw_product (cw_product (2, config->n_layers), config->width);
  const size_t steps = cw_product (cw_product (n_rows, max_steps), storage == CW_STORE_AS_IS ? sizeof (float) : sizeof (uint16_t));

  return cw_product (pair, cw_sum (steps, config->prefixed ? 0 : cw_product (n_tokens, sizeof (float))));
}

size_t
cw_musicgen_card_work_bytes (const cw_musicgen_config *config, size_t n_rows, size_t max_steps)
{
  const size_t c = config->width, k = config->n_codebooks, n_later = max_steps > config->n_positions ? max_steps - config->n_positions : 0;
  const size_t states = cw_sum (cw_product (3, c), config->ffn);
  const size_t pieces = cw_product (CW_GPU_SPLITS, cw_sum (c, cw_product (2, config->heads)));
  const size_t items = cw_product (cw_musicgen_card_batch (n_rows), cw_sum (states, pieces));
  const size_t logits = cw_product (k, config->codebook_size), columns = cw_product (2, cw_product (cw_sum (max_steps, 1), k));
  const size_t row = cw_sum (cw_product (sizeof (float), cw_sum (cw_sum (items, logits), cw_sum (columns, k))), sizeof (cw_gpu_text));

  return cw_sum (cw_sum (cw_product (n_rows, row), cw_product (cw_product (n_later, c), sizeof (float))), sizeof (int32_t) + sizeof (cw_gpu_choice));
}
