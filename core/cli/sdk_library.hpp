// liblabhost.so, loaded only by the commands that run plugin code (it brings LibTorch along).
#pragma once

#include <string>
#include <vector>

namespace labhost {

/// Sets the environment that BLAS reads when it is loaded, loads the library into this process and
/// calls its entry (core/runner/worker/entry.hpp). Throws InputError when it cannot be loaded.
int call_worker_main(const std::vector<std::string>& arguments);

/// The same in a child process, whose standard output is returned. Throws InputError with the
/// child's standard error when it fails. A crash of the child is an error, not ours.
std::string worker_output(const std::vector<std::string>& arguments);

/// The same in a child process with our standard streams; returns its exit code, or minus the
/// number of the signal that killed it.
int worker_status(const std::vector<std::string>& arguments);

/// Loads liblabhost.so and the library of datasets (core/datasets/entry.hpp), hands over a
/// DatasetRequest as JSON and returns the answer. Throws InputError.
std::string ask_datasets(const std::string& request);

/// Loads `lib/labhost/NAME` beside the executable's folder and returns its function `symbol`.
void* library_function(const char* name, const char* symbol);

}  // namespace labhost
