// TOML values that remember where they were written.
//
// The parser's own nodes lose their source when they are copied or merged, and an experiment is a
// merge (includes, profile, --set). Each Node keeps its place, so that an error found after the
// merge still names the line to mend.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/sdk/error.hpp"

namespace labhost {

/// Where a value was written: a line of a file, or an option of the command line (line 0).
struct Location {
  std::shared_ptr<const std::string> source;
  int line = 0;

  bool in_file() const { return line > 0; }
  std::string text() const;  ///< "FILE:LINE" or "--set KEY=VALUE"
  /// InputError "FILE:LINE: message".
  InputError error(const std::string& message) const;
  /// What a relative path written here is relative to: the file's folder; for an option the
  /// current folder.
  std::filesystem::path folder() const;
};

struct Node {
  enum class Kind { kTable, kArray, kText, kInteger, kReal, kFlag };

  Kind kind = Kind::kTable;
  Location location;
  std::string text;
  std::int64_t integer = 0;
  double real = 0;
  bool flag = false;
  std::vector<Node> items;                            ///< of an array
  std::vector<std::pair<std::string, Node>> members;  ///< of a table, in the file's order

  const Node* find(const std::string& key) const;  ///< nullptr: no such member
  Node* find(const std::string& key);
  Node& set(const std::string& key, Node value);  ///< adds or replaces
  void erase(const std::string& key);
  std::vector<std::string> keys() const;
  std::string describe() const;  ///< for "found ...": `text "abc"`, `1.5`, `a table`
};

/// Parses a file. Throws InputError "FILE:LINE: ..." on malformed TOML and on dates, which no
/// setting takes.
Node parse_toml_file(const std::filesystem::path& file);

/// Parses `text` as one TOML value; a word that is no TOML value is text.
Node parse_toml_value(const std::string& text, const Location& location);

/// Lays `top` over `base`: tables merge, anything else is replaced. Where `top` gives an
/// `environment`, a `dataset` or one of `datasets` another plugin, its table replaces the whole:
/// the parameters below belong to the other plugin.
void overlay(Node& base, const Node& top);

/// Reads one table under its dotted name ("algorithm.maiql"). Every getter returns nothing for an
/// absent key and throws "FILE:LINE: ..." for a value of the wrong type or out of range.
class TableView {
 public:
  /// Throws when `node` is no table. `node` must outlive the view.
  TableView(const Node& node, std::string path);

  const Node& node() const { return *node_; }
  const std::string& path() const { return path_; }
  const Node* find(const std::string& key) const { return node_->find(key); }
  /// The same, for a key that must be there.
  const Node& require(const std::string& key, const std::string& what) const;

  std::optional<TableView> table(const std::string& key) const;
  std::optional<std::string> text(const std::string& key) const;
  std::optional<std::string> choice(const std::string& key,
                                    const std::vector<std::string>& choices) const;
  std::optional<std::int64_t> integer(const std::string& key, std::int64_t minimum,
                                      std::int64_t maximum) const;
  std::optional<double> real(const std::string& key, double minimum) const;
  std::optional<bool> flag(const std::string& key) const;
  /// An array of distinct, non-empty texts; at least one.
  std::optional<std::vector<std::string>> names(const std::string& key) const;

  /// Throws for the first key that is not in `known`, with the nearest name.
  void allow_only(const std::vector<std::string>& known) const;
  /// Error at a member (or at the table where it is absent), which is named in full.
  InputError error(const std::string& key, const std::string& message) const;

 private:
  std::string name_of(const std::string& key) const;

  const Node* node_;
  std::string path_;
};

/// A whole number; reals without a fraction (1e6) count.
std::optional<std::int64_t> as_integer(const Node& node);

}  // namespace labhost
