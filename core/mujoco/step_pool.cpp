#include "core/mujoco/step_pool.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <future>
#include <vector>

namespace labhost {

StepPool::StepPool(std::int64_t threads)
    : threads_(static_cast<std::size_t>(std::max<std::int64_t>(threads, 1))) {
  if (threads_ > 1) others_.emplace(threads_ - 1);
}

void StepPool::run(std::int64_t count,
                   const std::function<void(std::int64_t item, std::size_t thread)>& work) {
  // Items are claimed one by one: an ant on its back costs more than one that walks.
  std::atomic<std::int64_t> next{0};
  const auto share = [&](std::size_t thread) {
    for (std::int64_t item = 0; (item = next.fetch_add(1)) < count;) work(item, thread);
  };
  std::vector<std::future<void>> others;
  const std::size_t useful = std::min(threads_, static_cast<std::size_t>(count));
  for (std::size_t thread = 1; thread < useful; ++thread) {
    std::packaged_task<void()> task([&share, thread] { share(thread); });
    others.push_back(task.get_future());
    boost::asio::post(*others_, std::move(task));
  }
  std::exception_ptr failure;
  try {
    share(0);
  } catch (...) {
    failure = std::current_exception();
  }
  // `share` lives on this stack: everyone must be back before anything is thrown.
  for (std::future<void>& other : others) {
    try {
      other.get();
    } catch (...) {
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace labhost
