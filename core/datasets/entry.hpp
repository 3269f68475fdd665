// The door of liblabhost_datasets.so: what `labhost datasets` calls after it has loaded the library
// (beside liblabhost.so, in lib/labhost). It stands apart from liblabhost.so because it links HDF5,
// which no worker that plays a task should have to load.
#pragma once

#include <string>

namespace labhost {

/// `request` is bytes_of() a DatasetRequest, the answer an object as JSON. Throws InputError.
using DatasetsMain = void (*)(const std::string& request, std::string& answer);
inline constexpr const char* kDatasetsMainSymbol = "labhost_datasets_main";
inline constexpr const char* kDatasetsLibrary = "liblabhost_datasets.so";

}  // namespace labhost
