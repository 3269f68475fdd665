// labhost plot: its two kinds of pictures.
#pragma once

#include <boost/program_options.hpp>
#include <filesystem>
#include <string>

namespace labhost {

/// `labhost plot dataset WHAT`: a histogram of normalised returns. plot_dataset.cpp
int plot_dataset(const boost::program_options::variables_map& values, const std::string& what,
                 const std::filesystem::path& out);

}  // namespace labhost
