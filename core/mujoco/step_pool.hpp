// Threads that share the items of a batch.
#pragma once

#ifdef __SANITIZE_THREAD__
#define BOOST_ASIO_DISABLE_FENCED_BLOCK  // the thread sanitizer knows mutexes, and no fences
#endif

#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

namespace labhost {

class StepPool {
 public:
  /// `threads` in all, the caller's included: with 1 there is no other.
  explicit StepPool(std::int64_t threads);

  std::size_t threads() const { return threads_; }
  /// Calls work(item, thread) once for each item 0..count-1, thread < threads(); no two calls of
  /// one thread number at once. Returns when all are done, or throws what one of them threw.
  void run(std::int64_t count,
           const std::function<void(std::int64_t item, std::size_t thread)>& work);

 private:
  std::size_t threads_;
  std::optional<boost::asio::thread_pool> others_;
};

}  // namespace labhost
