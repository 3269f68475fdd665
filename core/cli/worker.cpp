// `labhost worker ...`: the host's own door into liblabhost.so.
#include "core/base/text.hpp"
#include "core/cli/command.hpp"
#include "core/cli/sdk_library.hpp"
#include "core/runner/host/worker_environment.hpp"

namespace labhost {

int worker_command(const Arguments& arguments) {
  // BLAS reads its environment when the library is loaded.
  if (arguments.size() == 3 && arguments[0] == "task") {
    set_worker_environment(parse_integer(arguments[2]).value_or(1));
  }
  return call_worker_main(arguments);
}

}  // namespace labhost
