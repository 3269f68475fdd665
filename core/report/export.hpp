// A store's rows for other programs.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "core/store/store.hpp"

namespace labhost {

/// Every table of the SQL contract and the view `cell`, whole or for these experiments: their runs,
/// the runs that those need, and all that belongs to them. All of it is of one moment, also while
/// runs are being computed. Throws InputError for an unknown experiment.
///
/// JSON: {"labhost": "1.0.0", "tables": {"run": {"columns": [...], "rows": [[...], ...]}, ...}}.
/// NULL and NaN are null; infinities are the texts "inf" and "-inf".
void export_json(Store& store, const std::vector<std::string>& experiments, std::ostream& out);

/// One file per table in `folder`, which must be empty or absent: run.csv, metric.csv, ... RFC 4180
/// with a header; NULL and NaN are empty fields, infinities inf and -inf. Files appear whole.
void export_csv(Store& store, const std::vector<std::string>& experiments,
                const std::filesystem::path& folder);

}  // namespace labhost
