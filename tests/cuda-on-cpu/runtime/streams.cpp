/* SPDX-License-Identifier: MIT
 *
 * streams.cpp: streams and events. Work is queued and runs when somebody waits for it, so that a result that is used too early is not
 * there yet; with the order `random`, a queue also moves on by itself now and then. The default stream is the legacy one: it waits for
 * all streams that were not made cudaStreamNonBlocking.
 */
#include "stream.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace coc {

static CUstream_st                default_stream { true, {}, nullptr, {} };
static std::vector<cudaStream_t> &streams = *new std::vector<cudaStream_t>;
static std::vector<cudaEvent_t>  &events = *new std::vector<cudaEvent_t>;

cudaStream_t
stream_find (cudaStream_t stream)
{
  if (!stream || stream == cudaStreamLegacy)
    return &default_stream;
  return std::find (streams.begin (), streams.end (), stream) == streams.end () ? nullptr : stream;
}

const std::vector<cudaStream_t> &
stream_list (void)
{
  return streams;
}

bool
stream_is_capturing (cudaStream_t stream)
{
  stream = stream_find (stream);
  return stream && stream->capture;
}

static double
seconds (void)
{
  timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static void drain_until (cudaStream_t stream, const Event *event);

void
run_operation (const Operation &operation)
{
  if (operation.wait)
    drain_until (operation.wait->stream, operation.wait.get ());
  if (operation.run && !sticky)
    if (cudaError_t error = operation.run ())
      sticky = is_sticky (error) ? error : cudaErrorIllegalAddress;
  if (operation.record) {
    operation.record->completed = true;
    operation.record->completed_at = seconds ();
  }
}

static bool
step (cudaStream_t stream)
{
  if (stream->queue.empty ())
    return false;
  const Operation operation = std::move (stream->queue.front ());
  stream->queue.pop_front ();
  run_operation (operation);
  return true;
}

/* Until @event has passed, or the queue is empty. An event that is not recorded has passed. */
static void
drain_until (cudaStream_t stream, const Event *event)
{
  if ((event && !event->stream) || !stream_find (stream))
    return;
  while (!(event && event->completed) && step (stream))
    ;
}

static bool
is_pending (const Event &event)
{
  return event.stream && !event.completed;
}

void
drain (cudaStream_t stream)
{
  stream = stream_find (stream);
  if (stream)
    drain_until (stream, nullptr);
}

static void
drain_these (bool all)
{
  std::vector<cudaStream_t> list = streams;
  list.push_back (&default_stream);
  if (order == COC_REVERSE)
    std::reverse (list.begin (), list.end ());
  for (size_t i = 0; order == COC_RANDOM && i < list.size (); i++)
    std::swap (list[i], list[i + random_below ((uint32_t) (list.size () - i))]);
  for (cudaStream_t stream : list)
    if (all || stream->blocking)
      drain_until (stream, nullptr);
}

void
drain_blocking (void)
{
  drain_these (false);
}

void
drain_all (void)
{
  drain_these (true);
}

cudaError_t
enqueue (cudaStream_t handle, Operation operation)
{
  cudaStream_t stream = stream_find (handle);
  if (!stream) {
    report ("HANDLE", nullptr, "%s on a stream that does not exist", operation.what);
    return cudaErrorInvalidResourceHandle;
  }
  if (stream->capture)
    return capture_add (stream, std::move (operation));
  if (any_capture ()) {
    if (stream == &default_stream && capture_minds_default_stream ()) {
      refuse_in_capture ((std::string (operation.what) + " on the default stream").c_str ());
      return cudaErrorStreamCaptureImplicit;
    }
    bool mine = false;
    for (cudaStream_t other : streams)
      mine |= other->capture && pthread_equal (other->capture->thread, pthread_self ());
    if (mine)
      report ("CAPTURE", nullptr, "%s goes to a stream outside of the open capture: it is not in the graph", operation.what);
  }
  if (stream == &default_stream)
    drain_blocking ();
  stream->queue.push_back (std::move (operation));
  if (order == COC_RANDOM && !random_below (4)) {
    const uint32_t any = random_below ((uint32_t) streams.size () + 1);
    step (any < streams.size () ? streams[any] : &default_stream);
  }
  return cudaSuccess;
}

cudaError_t
enqueue (cudaStream_t stream, const char *what, std::function<cudaError_t (void)> run)
{
  Operation operation { what, std::move (run), nullptr, nullptr };
  return enqueue (stream, std::move (operation));
}

void
streams_reset (void)
{
  default_stream.queue.clear ();
  default_stream.capture = nullptr;
  for (cudaStream_t stream : streams)
    delete stream;
  for (cudaEvent_t event : events)
    delete event;
  streams.clear ();
  events.clear ();
}

int
streams_alive (bool print)
{
  if (print) {
    for (size_t i = 0; i < streams.size (); i++)
      fprintf (stderr, "cuda-on-cpu: LEAK: a stream\n");
    for (size_t i = 0; i < events.size (); i++)
      fprintf (stderr, "cuda-on-cpu: LEAK: an event\n");
  }
  return (int) (streams.size () + events.size ());
}

static bool
event_exists (cudaEvent_t event)
{
  return std::find (events.begin (), events.end (), event) != events.end ();
}

} // namespace coc

using namespace coc;

cudaError_t
cudaStreamCreateWithFlags (cudaStream_t *stream, unsigned flags)
{
  COC_ENTER ()
  *stream = new CUstream_st { !(flags & cudaStreamNonBlocking), {}, nullptr, {} };
  streams.push_back (*stream);
  return cudaSuccess;
}

cudaError_t
cudaStreamCreate (cudaStream_t *stream)
{
  return cudaStreamCreateWithFlags (stream, cudaStreamDefault);
}

cudaError_t
cudaStreamCreateWithPriority (cudaStream_t *stream, unsigned flags, int)
{
  return cudaStreamCreateWithFlags (stream, flags);
}

cudaError_t
cudaDeviceGetStreamPriorityRange (int *least, int *greatest)
{
  COC_ENTER ()
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}

cudaError_t
cudaStreamDestroy (cudaStream_t stream)
{
  coc::Call call { coc::release_call };
  auto it = std::find (streams.begin (), streams.end (), stream);
  if (it == streams.end ())
    return fail (cudaErrorInvalidResourceHandle);
  if (stream->capture)
    return fail (refuse_in_capture ("cudaStreamDestroy of the capturing stream"));
  drain (stream);
  streams.erase (std::find (streams.begin (), streams.end (), stream));
  delete stream;
  return fail (call.error);
}

cudaError_t
cudaStreamSynchronize (cudaStream_t stream)
{
  COC_ENTER ()
  cudaStream_t found = stream_find (stream);
  if (!found)
    return fail (cudaErrorInvalidResourceHandle);
  if (found->capture) {
    refuse_in_capture ("cudaStreamSynchronize of the capturing stream");
    found->capture->invalid = true;
    return fail (cudaErrorStreamCaptureUnsupported);
  }
  if (found == &default_stream)
    drain_blocking ();
  drain (found);
  return fail (sticky);
}

/* Asking moves the queue on by one operation, so that a loop of questions ends. */
cudaError_t
cudaStreamQuery (cudaStream_t stream)
{
  COC_ENTER ()
  cudaStream_t found = stream_find (stream);
  if (!found)
    return fail (cudaErrorInvalidResourceHandle);
  if (found->capture)
    return fail (refuse_in_capture ("cudaStreamQuery of the capturing stream"));
  if (found->queue.empty ())
    return fail (sticky);
  step (found);
  return fail (sticky ? sticky : cudaErrorNotReady);
}

cudaError_t
cudaLaunchHostFunc (cudaStream_t stream, cudaHostFn_t function, void *data)
{
  COC_ENTER ()
  return fail (enqueue (stream, "cudaLaunchHostFunc", [=] {
    function (data);
    return cudaSuccess;
  }));
}

cudaError_t
cudaEventCreateWithFlags (cudaEvent_t *event, unsigned flags)
{
  COC_ENTER ()
  *event = new CUevent_st { std::make_shared<Event> (), !(flags & cudaEventDisableTiming) };
  events.push_back (*event);
  return cudaSuccess;
}

cudaError_t
cudaEventCreate (cudaEvent_t *event)
{
  return cudaEventCreateWithFlags (event, cudaEventDefault);
}

cudaError_t
cudaEventDestroy (cudaEvent_t event)
{
  coc::Call call { coc::release_call };
  auto it = std::find (events.begin (), events.end (), event);
  if (it == events.end ())
    return fail (cudaErrorInvalidResourceHandle);
  events.erase (it);
  delete event; /* what is queued holds the state of its own */
  return fail (call.error);
}

cudaError_t
cudaEventRecord (cudaEvent_t event, cudaStream_t handle)
{
  COC_ENTER ()
  cudaStream_t stream = stream_find (handle);
  if (!event_exists (event) || !stream)
    return fail (cudaErrorInvalidResourceHandle);
  if (stream->capture && stream->capture->invalid)
    return fail (cudaErrorStreamCaptureInvalidated);
  event->state = std::make_shared<Event> ();
  Event &state = *event->state;
  if (stream->capture) {
    state.capture = stream->capture;
    state.capture_tails = stream->tails;
    return cudaSuccess;
  }
  state.stream = stream;
  Operation operation { "cudaEventRecord", nullptr, nullptr, event->state };
  return fail (enqueue (stream, std::move (operation)));
}

cudaError_t
cudaStreamWaitEvent (cudaStream_t handle, cudaEvent_t event, unsigned)
{
  COC_ENTER ()
  cudaStream_t stream = stream_find (handle);
  if (!event_exists (event) || !stream)
    return fail (cudaErrorInvalidResourceHandle);
  const Event &state = *event->state;
  if (state.capture) {
    if (!state.capture->open || (stream->capture && stream->capture != state.capture)) {
      report ("CAPTURE", nullptr, "a stream waits for an event of another capture");
      return fail (cudaErrorStreamCaptureMerge);
    }
    if (stream == &default_stream)
      return fail (cudaErrorStreamCaptureImplicit);
    stream->capture = state.capture; /* joins the capture */
    for (int tail : state.capture_tails)
      if (std::find (stream->tails.begin (), stream->tails.end (), tail) == stream->tails.end ())
        stream->tails.push_back (tail);
    return cudaSuccess;
  }
  if (stream->capture) {
    if (!is_pending (state))
      return cudaSuccess;
    report ("CAPTURE", nullptr, "the captured stream waits for an event of work outside of the capture");
    stream->capture->invalid = true;
    return fail (cudaErrorStreamCaptureIsolation);
  }
  Operation operation { "cudaStreamWaitEvent", nullptr, event->state, nullptr };
  return fail (enqueue (stream, std::move (operation)));
}

static cudaError_t
event_usable (cudaEvent_t event, const char *what)
{
  if (!event_exists (event))
    return cudaErrorInvalidResourceHandle;
  if (!event->state->capture)
    return cudaSuccess;
  report ("CAPTURE", nullptr, "%s of an event that was recorded in a capture", what);
  return cudaErrorCapturedEvent;
}

cudaError_t
cudaEventSynchronize (cudaEvent_t event)
{
  COC_ENTER ()
  COC_NOT_IN_CAPTURE ("cudaEventSynchronize")
  if (cudaError_t error = event_usable (event, "cudaEventSynchronize"))
    return fail (error);
  const std::shared_ptr<Event> state = event->state;
  drain_until (state->stream, state.get ());
  return fail (sticky);
}

cudaError_t
cudaEventQuery (cudaEvent_t event)
{
  COC_ENTER ()
  COC_NOT_IN_CAPTURE ("cudaEventQuery")
  if (cudaError_t error = event_usable (event, "cudaEventQuery"))
    return fail (error);
  const std::shared_ptr<Event> state = event->state;
  if (is_pending (*state))
    step (state->stream);
  return fail (sticky ? sticky : is_pending (*state) ? cudaErrorNotReady : cudaSuccess);
}

cudaError_t
cudaEventElapsedTime (float *milliseconds, cudaEvent_t start, cudaEvent_t end)
{
  COC_ENTER ()
  if (!event_exists (start) || !event_exists (end) || !start->timed || !end->timed || !start->state->stream || !end->state->stream)
    return fail (cudaErrorInvalidResourceHandle);
  if (is_pending (*start->state) || is_pending (*end->state))
    return fail (cudaErrorNotReady);
  *milliseconds = (float) (1e3 * (end->state->completed_at - start->state->completed_at));
  return cudaSuccess;
}
