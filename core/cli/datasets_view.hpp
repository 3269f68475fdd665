// What `labhost datasets` finds without reading any data, and how it shows what was read.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/store/store.hpp"

namespace labhost {

/// Datasets that runs have left, oldest first: run, experiment, task, teams, transitions, score
/// (mean normalised return; NULL where the run stored none), bytes, path. `full`: the score with
/// all its digits, for programs.
QueryResult stored_datasets(Store& store, bool full);

/// Files of these folders in D4RL's naming, folder after folder, by name: name, bytes, file.
QueryResult d4rl_files(const std::vector<std::filesystem::path>& folders);

/// How a file was read, from the answer to a DatasetRequest: its layout, which rows were kept and
/// why others were not, and whatever else was read otherwise than it stands there. Lines.
std::string reading_text(const nlohmann::ordered_json& answer);

/// The answer to a DatasetRequest (core/datasets/main.cpp), for a terminal.
std::string dataset_text(const nlohmann::ordered_json& answer);
/// The same of a request to check.
std::string check_text(const nlohmann::ordered_json& answer);

}  // namespace labhost
