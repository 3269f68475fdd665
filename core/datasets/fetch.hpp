// Downloads one file over HTTP: liblabhost_fetch.so, which the executable loads for
// `labhost datasets fetch` only, so that no other command has to load libcurl.
#pragma once

#include <string>
#include <vector>

namespace labhost {

struct FetchRequest {
  std::vector<std::string> addresses;  ///< tried in order until one gives the file
  std::string file;
  bool progress = false;  ///< a line on standard error, rewritten as bytes come
};

/// Downloads into `FILE.part`, which becomes FILE when all of it is there. What an earlier call
/// left in FILE.part is gone on with where the server says that its file is the same one still
/// (ETag or Last-Modified, kept in `FILE.part.from`); otherwise the download begins anew. A
/// connection that breaks is taken up again as long as bytes come. Throws InputError, which says
/// what each address answered, when none gives a whole HDF5 file; FILE is then as it was.
using FetchMain = void (*)(const FetchRequest& request);
inline constexpr const char* kFetchMainSymbol = "labhost_fetch_main";
inline constexpr const char* kFetchLibrary = "liblabhost_fetch.so";

}  // namespace labhost
