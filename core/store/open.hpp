// Opening, creating and migrating the store's file. Internal to core/store.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/store/connection.hpp"
#include "core/store/store.hpp"

namespace labhost {

/// SQL that takes a store from version `from` to `from + 1`.
struct Migration {
  int from;
  std::string sql;
};

struct Schema {
  int version;
  std::string create;                 ///< SQL of the current version, for new files
  std::vector<Migration> migrations;  ///< every step from the oldest version that is still read
};

/// The schema of this program.
const Schema& current_schema();

/// A store in the folder kShardFolder is a shard: the rows of one run, written by one machine.
bool is_shard_path(const std::filesystem::path& file);

/// A connection to a store of `schema`'s version, created or migrated when `access` allows it.
/// Errors as of Store's constructor.
Connection open_store(const std::filesystem::path& file, Store::Access access,
                      const Schema& schema = current_schema());

}  // namespace labhost
