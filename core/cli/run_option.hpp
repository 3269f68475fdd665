// A recorded run as the operand of a command, for the process that loads its plugins.
#pragma once

#include <boost/program_options.hpp>
#include <string>

namespace labhost {

/// Job::to_text() of a run of --store's store: `who` is its number or a file that it left. Throws
/// InputError.
std::string job_of_run(const boost::program_options::variables_map& values, const std::string& who);

}  // namespace labhost
