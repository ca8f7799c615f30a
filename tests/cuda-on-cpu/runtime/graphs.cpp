/* SPDX-License-Identifier: MIT
 *
 * graphs.cpp: stream capture and graphs. What a capturing stream is given becomes a node after the stream's last ones; an event carries
 * the dependency to another stream, which joins the capture and must have come back when it ends. A replay runs the nodes in an order
 * that the dependencies allow: as captured, the last that may go first, or drawn, as `order` says.
 */
#include "stream.h"

#include <algorithm>
#include <cstdio>

struct CUgraphExec_st {
  std::shared_ptr<std::vector<CUgraphNode_st>> nodes;
};

namespace coc {

static std::vector<cudaGraph_t>     &graphs = *new std::vector<cudaGraph_t>;
static std::vector<cudaGraphExec_t> &execs = *new std::vector<cudaGraphExec_t>;

bool
any_capture (void)
{
  for (cudaGraph_t graph : graphs)
    if (graph->open)
      return true;
  return false;
}

/* The default stream would wait for a stream that is captured. */
bool
capture_minds_default_stream (void)
{
  for (cudaStream_t stream : stream_list ())
    if (stream->capture && stream->blocking)
      return true;
  return false;
}

cudaError_t
refuse_in_capture (const char *what)
{
  bool refused = false;
  for (cudaGraph_t graph : graphs)
    if (graph->open
        && (graph->mode == cudaStreamCaptureModeGlobal
            || (graph->mode == cudaStreamCaptureModeThreadLocal && pthread_equal (graph->thread, pthread_self ()))))
      refused = graph->invalid = true;
  if (!refused)
    return cudaSuccess;
  report ("CAPTURE", nullptr, "%s during stream capture", what);
  return cudaErrorStreamCaptureUnsupported;
}

cudaError_t
capture_add (cudaStream_t stream, Operation operation)
{
  cudaGraph_t graph = stream->capture;
  if (graph->invalid)
    return cudaErrorStreamCaptureInvalidated;
  graph->nodes.push_back ({ std::move (operation), stream->tails });
  stream->tails = { (int) graph->nodes.size () - 1 };
  return cudaSuccess;
}

static bool
is_before (const CUgraph_st &graph, int node, const std::vector<int> &tails)
{
  std::vector<int> open = tails;
  for (std::vector<bool> been (graph.nodes.size ()); !open.empty ();) {
    int n = open.back ();
    open.pop_back ();
    if (n == node)
      return true;
    if (been[n])
      continue;
    been[n] = true;
    open.insert (open.end (), graph.nodes[n].after.begin (), graph.nodes[n].after.end ());
  }
  return false;
}

/* Ends the capture of every stream that takes part. False: one of them has work that the origin does not wait for. */
static bool
close_capture (cudaGraph_t graph)
{
  bool joined = true;
  for (cudaStream_t stream : stream_list ()) {
    if (stream->capture != graph)
      continue;
    if (stream != graph->origin)
      for (int tail : stream->tails)
        joined &= is_before (*graph, tail, graph->origin->tails);
    stream->capture = nullptr;
  }
  for (cudaStream_t stream : stream_list ())
    if (!stream->capture)
      stream->tails.clear ();
  graph->open = false;
  return joined;
}

static void
forget (cudaGraph_t graph)
{
  graphs.erase (std::find (graphs.begin (), graphs.end (), graph));
  delete graph;
}

static cudaError_t
replay (const std::vector<CUgraphNode_st> &nodes)
{
  std::vector<bool> done (nodes.size ());
  std::vector<int> ready;
  for (size_t left = nodes.size (); left; left--) {
    ready.clear ();
    for (size_t i = 0; i < nodes.size (); i++)
      if (!done[i] && std::all_of (nodes[i].after.begin (), nodes[i].after.end (), [&] (int a) { return done[a]; })) {
        ready.push_back ((int) i);
        if (order == COC_FORWARD)
          break;
      }
    const int next = order == COC_RANDOM ? ready[random_below ((uint32_t) ready.size ())] : order == COC_REVERSE ? ready.back () : ready[0];
    run_operation (nodes[next].operation);
    done[next] = true;
    if (sticky)
      return sticky;
  }
  return cudaSuccess;
}

void
graphs_reset (void)
{
  for (cudaGraph_t graph : graphs)
    delete graph;
  for (cudaGraphExec_t exec : execs)
    delete exec;
  graphs.clear ();
  execs.clear ();
}

int
graphs_alive (bool print)
{
  if (print) {
    for (size_t i = 0; i < graphs.size (); i++)
      fprintf (stderr, "cuda-on-cpu: LEAK: a graph\n");
    for (size_t i = 0; i < execs.size (); i++)
      fprintf (stderr, "cuda-on-cpu: LEAK: an instantiated graph\n");
  }
  return (int) (graphs.size () + execs.size ());
}

static bool
graph_exists (cudaGraph_t graph)
{
  return std::find (graphs.begin (), graphs.end (), graph) != graphs.end ();
}

} // namespace coc

using namespace coc;

cudaError_t
cudaStreamBeginCapture (cudaStream_t handle, enum cudaStreamCaptureMode mode)
{
  COC_ENTER ()
  cudaStream_t stream = stream_find (handle);
  if (!stream)
    return fail (cudaErrorInvalidResourceHandle);
  if (stream == stream_find (nullptr)) {
    report ("CAPTURE", nullptr, "the default stream cannot be captured");
    return fail (cudaErrorStreamCaptureUnsupported);
  }
  if (stream->capture)
    return fail (cudaErrorInvalidValue);
  cudaGraph_t graph = new CUgraph_st { {}, true, false, mode, stream, pthread_self () };
  graphs.push_back (graph);
  stream->capture = graph;
  stream->tails.clear ();
  return cudaSuccess;
}

cudaError_t
cudaStreamEndCapture (cudaStream_t handle, cudaGraph_t *result)
{
  *result = nullptr;
  Call call;
  cudaStream_t stream = stream_find (handle);
  cudaGraph_t graph = stream ? stream->capture : nullptr;
  if (call.error) {
    if (graph && is_sticky (call.error)) { /* the context is gone, and the capture with it */
      close_capture (graph);
      forget (graph);
    }
    return fail (call.error);
  }
  if (!stream)
    return fail (cudaErrorInvalidResourceHandle);
  if (!graph)
    return fail (cudaErrorInvalidValue);
  if (graph->origin != stream)
    return fail (cudaErrorStreamCaptureUnmatched);
  if (graph->mode != cudaStreamCaptureModeRelaxed && !pthread_equal (graph->thread, pthread_self ()))
    return fail (cudaErrorUnknown);
  const bool joined = close_capture (graph);
  if (!joined)
    report ("CAPTURE", nullptr, "a stream that joined the capture has work that the capturing stream does not wait for");
  if (!joined || graph->invalid) {
    const cudaError_t error = graph->invalid ? cudaErrorStreamCaptureInvalidated : cudaErrorStreamCaptureUnjoined;
    forget (graph);
    return fail (error);
  }
  *result = graph;
  return cudaSuccess;
}

cudaError_t
cudaStreamIsCapturing (cudaStream_t handle, enum cudaStreamCaptureStatus *status)
{
  COC_ENTER ()
  cudaStream_t stream = stream_find (handle);
  if (!stream)
    return fail (cudaErrorInvalidResourceHandle);
  *status = !stream->capture           ? cudaStreamCaptureStatusNone
            : stream->capture->invalid ? cudaStreamCaptureStatusInvalidated
                                       : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t
cudaGraphGetNodes (cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *n_nodes)
{
  COC_ENTER ()
  if (!graph_exists (graph) || graph->open)
    return fail (cudaErrorInvalidValue);
  if (nodes)
    for (size_t i = 0; i < std::min (*n_nodes, graph->nodes.size ()); i++)
      nodes[i] = &graph->nodes[i];
  *n_nodes = graph->nodes.size ();
  return cudaSuccess;
}

cudaError_t
cudaGraphInstantiate (cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long)
{
  COC_ENTER (COC_ALLOCATION)
  if (!graph_exists (graph) || graph->open)
    return fail (cudaErrorInvalidValue);
  *exec = new CUgraphExec_st { std::make_shared<std::vector<CUgraphNode_st>> (graph->nodes) };
  execs.push_back (*exec);
  return cudaSuccess;
}

cudaError_t
cudaGraphInstantiateWithFlags (cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags)
{
  return cudaGraphInstantiate (exec, graph, flags);
}

static bool
exec_exists (cudaGraphExec_t exec)
{
  return std::find (execs.begin (), execs.end (), exec) != execs.end ();
}

cudaError_t
cudaGraphUpload (cudaGraphExec_t exec, cudaStream_t)
{
  COC_ENTER ()
  return fail (exec_exists (exec) ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t
cudaGraphLaunch (cudaGraphExec_t exec, cudaStream_t stream)
{
  COC_ENTER (COC_LAUNCH)
  if (!exec_exists (exec))
    return fail (cudaErrorInvalidValue);
  return fail (enqueue (stream, "cudaGraphLaunch", [nodes = exec->nodes] { return replay (*nodes); }));
}

cudaError_t
cudaGraphDestroy (cudaGraph_t graph)
{
  coc::Call call { coc::release_call };
  if (!graph_exists (graph) || graph->open)
    return fail (cudaErrorInvalidValue);
  forget (graph);
  return fail (call.error);
}

cudaError_t
cudaGraphExecDestroy (cudaGraphExec_t exec)
{
  coc::Call call { coc::release_call };
  if (!exec_exists (exec))
    return fail (cudaErrorInvalidValue);
  execs.erase (std::find (execs.begin (), execs.end (), exec));
  delete exec; /* launches that are queued hold the nodes */
  return fail (call.error);
}
