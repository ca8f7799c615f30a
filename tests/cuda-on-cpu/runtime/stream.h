/* SPDX-License-Identifier: MIT
 *
 * stream.h: streams and graphs as streams.cpp and graphs.cpp see them.
 */
#pragma once

#include <deque>
#include <pthread.h>

#include "runtime.h"

struct CUstream_st {
  bool                       blocking;
  std::deque<coc::Operation> queue;
  /* being captured: into which graph, and the nodes that the next one depends on */
  cudaGraph_t      capture;
  std::vector<int> tails;
};

struct CUevent_st {
  std::shared_ptr<coc::Event> state;
  bool                        timed;
};

struct CUgraphNode_st {
  coc::Operation   operation;
  std::vector<int> after;
};

struct CUgraph_st {
  std::vector<CUgraphNode_st> nodes;
  bool                        open, invalid;
  cudaStreamCaptureMode       mode;
  cudaStream_t                origin;
  pthread_t                   thread;
};

namespace coc {

/* NULL and the legacy handle are the default stream; a stream that does not exist gives NULL. */
cudaStream_t stream_find (cudaStream_t stream);
const std::vector<cudaStream_t> &stream_list (void);
/* Runs one operation, with what it waits for. */
void run_operation (const Operation &operation);

} // namespace coc
