// `labhost worker ...`: the host's own door into liblabhost.so.
#include "core/cli/command.hpp"
#include "core/cli/sdk_library.hpp"

namespace labhost {

int worker_command(const Arguments& arguments) { return call_worker_main(arguments); }

}  // namespace labhost
