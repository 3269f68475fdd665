// A parent that has loaded LibTorch once and forks a worker per run.
//
// Loading Debian's LibTorch costs 0.4 s and 288 libraries; a fork costs a millisecond. Forking is
// safe only while the process has one thread, so the server starts none, runs no plugin code and
// checks at every run; where a thread exists (some BLAS builds start theirs when loaded) it starts
// a fresh process per run instead.
//
// Protocol over a SOCK_SEQPACKET socket, one text per packet:
//   host -> server   a Job (JSON)
//   server -> host   "started RUN_ID PID", "exited RUN_ID WAIT_STATUS"
// When the socket closes, the server asks its workers to stop and ends.
#pragma once

namespace labhost {

int serve(int socket);

}  // namespace labhost
