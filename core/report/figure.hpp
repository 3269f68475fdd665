// An experiment's learning curves as a picture.
#pragma once

#include <string>

#include "core/report/curves.hpp"

namespace labhost {

/// A panel per task, a line per algorithm: mean and standard error over runs, or each run where the
/// figure says so. Below it, what the picture does not show: cells without runs, runs that failed
/// or are not done. Throws InputError where no run has been evaluated yet.
std::string learning_curves_svg(const Table& table, const Curves& curves);

}  // namespace labhost
