// Errors that a person can mend.
//
// Throw InputError for anything that is the user's to put right: configuration, plugins, datasets,
// disks. Its message says what was expected, what was found and where. The command line ends with
// exit code 2. Everything else that a run throws fails that run alone (exit code 1).
#pragma once

#include <stdexcept>
#include <string>

namespace labhost {

class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace labhost
