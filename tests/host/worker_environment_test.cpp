#include "core/runner/host/worker_environment.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <map>

#include "tests/base/scratch_folder.hpp"

namespace labhost::testing {

namespace {

constexpr char kAvx512[] = "fpu sse2 avx2 avx512f avx512dq avx512cd avx512bw avx512vl sha_ni";

std::map<std::string, std::string> environment(std::int64_t threads, const std::string& vendor,
                                               const std::string& flags) {
  const auto values = worker_environment(threads, vendor, flags);
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("every BLAS and OpenMP gets the worker's number of threads") {
  const std::map<std::string, std::string> expected = {
      {"OMP_NUM_THREADS", "3"}, {"OPENBLAS_NUM_THREADS", "3"}, {"MKL_NUM_THREADS", "3"}};
  CHECK(environment(3, "", kAvx512) == expected);
}

TEST_CASE("OpenBLAS is told the widest kernels that the processor has all instructions of") {
  const auto core_type = [](const std::string& vendor, const std::string& flags) {
    const auto values = environment(1, vendor, flags);
    const auto found = values.find("OPENBLAS_CORETYPE");
    return found == values.end() ? std::string("none") : found->second;
  };
  CHECK(core_type("AuthenticAMD", kAvx512) == "SkylakeX");
  CHECK(core_type("GenuineIntel", kAvx512) == "SkylakeX");
  CHECK(core_type("GenuineIntel", "fpu sse2 avx2 fma") == "Haswell");
  CHECK(core_type("GenuineIntel", "fpu sse2 avx2") == "none");
  CHECK(core_type("GenuineIntel", "fpu sse2") == "none");
  CHECK(core_type("", kAvx512) == "none");
  CHECK(core_type("AuthenticAMD", "fpu sse2 avx2") == "none");
  CHECK(core_type("AuthenticAMD", "") == "none");
  for (const char* flag : {"avx512f", "avx512dq", "avx512cd", "avx512bw", "avx512vl"}) {
    std::string flags = kAvx512;
    flags.replace(flags.find(flag), std::string(flag).size(), std::string(flag) + "x");
    CHECK_MESSAGE(core_type("AuthenticAMD", flags) == "none", flag);
  }
}

TEST_CASE("what the user has set is not overridden") {
  const ScopedVariable threads("OMP_NUM_THREADS", "7"), blas("OPENBLAS_NUM_THREADS", nullptr),
      mkl("MKL_NUM_THREADS", nullptr), core("OPENBLAS_CORETYPE", "Zen");
  set_worker_environment(2);
  CHECK(std::string(std::getenv("OMP_NUM_THREADS")) == "7");
  CHECK(std::string(std::getenv("OPENBLAS_NUM_THREADS")) == "2");
  CHECK(std::string(std::getenv("MKL_NUM_THREADS")) == "2");
  CHECK(std::string(std::getenv("OPENBLAS_CORETYPE")) == "Zen");
}

}  // namespace labhost::testing
