// Writes the good files of tests/d4rl/made_file.hpp into a folder: what the fuzzer starts from.
#include <cstdio>
#include <filesystem>

#include "tests/d4rl/made_file.hpp"

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: d4rl_reader_seeds FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = arguments[1];
  std::filesystem::create_directories(folder);
  for (const auto& variants :
       {labhost::testing::made_variants(), labhost::testing::minari_variants()}) {
    for (const auto& [name, made] : variants) made.write(folder / (name + ".hdf5"));
  }
}
