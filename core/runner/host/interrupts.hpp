// Ctrl-C and its like, for whoever follows a sweep.
#pragma once

#include <csignal>

namespace labhost {

/// SIGINT, SIGTERM and SIGHUP are counted while it lives, and are as before afterwards. One at a
/// time.
class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;

  int count() const;

 private:
  using Action = struct sigaction;  // there is a function of that name, too
  Action old_int_{}, old_term_{}, old_hup_{};
};

}  // namespace labhost
