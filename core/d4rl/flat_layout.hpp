// D4RL's layout: a dataset per field, all rows of all episodes one after another.
#pragma once

#include <optional>

#include "core/d4rl/reader.hpp"
#include "core/d4rl/stored_array.hpp"

namespace labhost {

/// The datasets of one file, opened and checked against each other; nothing is read yet.
class FlatLayout {
 public:
  FlatLayout(const InputFile& file, const D4rlOptions& options);

  void check_chunks() const;
  void read(D4rlData& result) const;

 private:
  std::vector<const StoredArray*> arrays() const;
  std::int64_t read_fields(Transitions& data) const;
  void drop_unwritten(std::int64_t kept, D4rlData& result) const;
  void read_ends(D4rlData& result) const;

  const D4rlOptions& options_;
  StoredArray observations_, actions_, rewards_, terminals_;
  std::optional<StoredArray> timeouts_, next_observations_;
};

}  // namespace labhost
