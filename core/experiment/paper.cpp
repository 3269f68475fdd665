#include "core/experiment/paper.hpp"

#include <cmath>

#include "core/experiment/node.hpp"

namespace labhost {
namespace {

double number(const Node& node) {
  if (node.kind == Node::Kind::kInteger) return static_cast<double>(node.integer);
  if (node.kind == Node::Kind::kReal && std::isfinite(node.real)) return node.real;
  throw node.location.error("a cell holds numbers, found " + node.describe());
}

PaperCell read_cell(const TableView& row, const std::string& algorithm) {
  const Node& value = *row.find(algorithm);
  if (value.kind != Node::Kind::kArray || value.items.empty() || value.items.size() > 2) {
    throw row.error(algorithm,
                    "must be [mean, standard error] or [mean], found " + value.describe());
  }
  PaperCell cell;
  cell.algorithm = algorithm;
  cell.mean = number(value.items[0]);
  if (value.items.size() == 2) {
    cell.sem = number(value.items[1]);
    if (*cell.sem < 0) throw row.error(algorithm, "has a negative standard error");
  }
  return cell;
}

}  // namespace

PaperTable read_paper_table(const std::filesystem::path& file) {
  const Node root = parse_toml_file(file);
  const TableView top(root, "");
  top.allow_only({"table", "cells"});
  top.require("table", "expected the table's name");
  top.require("cells", "expected TASK = { ALGORITHM = [mean, standard error] }");
  PaperTable table;
  table.name = *top.text("table");
  if (table.name.empty()) throw top.error("table", "must not be empty");
  const TableView cells = *top.table("cells");
  for (const std::string& task : cells.node().keys()) {
    const TableView row = *cells.table(task);
    for (const std::string& algorithm : row.node().keys()) {
      PaperCell cell = read_cell(row, algorithm);
      cell.table_name = table.name;
      cell.task = task;
      table.cells.push_back(std::move(cell));
    }
  }
  return table;
}

}  // namespace labhost
