#include "core/experiment/layout.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/text.hpp"
#include "core/sdk/error.hpp"

namespace labhost {
namespace {

using nlohmann::json;

json figure_json(const FigureSpec& figure) {
  return {{"x", figure.x},
          {"y", figure.y},
          {"x_label", figure.x_label},
          {"y_label", figure.y_label},
          {"smoothing", figure.smoothing},
          {"individual", figure.individual}};
}

FigureSpec figure_of(const json& from) {
  FigureSpec figure;
  from.at("x").get_to(figure.x);
  from.at("y").get_to(figure.y);
  from.at("x_label").get_to(figure.x_label);
  from.at("y_label").get_to(figure.y_label);
  from.at("smoothing").get_to(figure.smoothing);
  from.at("individual").get_to(figure.individual);
  return figure;
}

json condition_json(const Condition& condition) {
  return {{"algorithms", condition.algorithms},
          {"tasks", condition.tasks},
          {"relation", relation_name(condition.relation)},
          {"against", condition.against},
          {"against_tasks", condition.against_tasks},
          {"value", condition.value},
          {"somewhere", condition.somewhere}};
}

Condition condition_of(const json& from) {
  Condition condition;
  from.at("algorithms").get_to(condition.algorithms);
  from.at("tasks").get_to(condition.tasks);
  condition.relation = parse_relation(from.at("relation").get<std::string>());
  from.at("against").get_to(condition.against);
  from.at("against_tasks").get_to(condition.against_tasks);
  from.at("value").get_to(condition.value);
  from.at("somewhere").get_to(condition.somewhere);
  return condition;
}

json claim_json(const Claim& claim) {
  json conditions = json::array();
  for (const Condition& condition : claim.conditions) {
    conditions.push_back(condition_json(condition));
  }
  return {{"text", claim.text}, {"source", claim.source}, {"conditions", std::move(conditions)}};
}

Claim claim_of(const json& from) {
  Claim claim;
  from.at("text").get_to(claim.text);
  from.at("source").get_to(claim.source);
  for (const json& condition : from.at("conditions")) {
    claim.conditions.push_back(condition_of(condition));
  }
  return claim;
}

}  // namespace

const std::vector<std::string>& relation_names() {
  // In the order of Condition::Relation.
  static const std::vector<std::string> kNames = {"beats", "matches", "higher",
                                                  "lower", "above",   "below"};
  return kNames;
}

const std::string& relation_name(Condition::Relation relation) {
  return relation_names().at(static_cast<std::size_t>(relation));
}

Condition::Relation parse_relation(const std::string& name) {
  const auto& names = relation_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    throw InputError("unknown relation \"" + name + "\"" + suggestion(name, names));
  }
  return static_cast<Condition::Relation>(found - names.begin());
}

std::string ReportLayout::label(const std::string& name) const {
  const auto found = labels.find(name);
  return found == labels.end() ? name : found->second;
}

std::string ReportLayout::group(const std::string& name) const {
  const auto found = groups.find(name);
  return found == groups.end() ? "" : found->second;
}

std::string ReportLayout::full_label(const std::string& task) const {
  const std::string heading = group(task);
  return heading.empty() ? label(task) : heading + " " + label(task);
}

json ReportLayout::to_json() const {
  json listed = json::array();
  for (const Claim& claim : claims) listed.push_back(claim_json(claim));
  return {{"title", title},
          {"rows", rows},
          {"columns", columns},
          {"labels", labels},
          {"metrics", metrics},
          {"paper_table", paper_table},
          {"digits", digits},
          {"groups", groups},
          {"figure", figure_json(figure)},
          {"claims", std::move(listed)}};
}

ReportLayout ReportLayout::from_json(const json& from) {
  try {
    ReportLayout layout;
    from.at("title").get_to(layout.title);
    from.at("rows").get_to(layout.rows);
    from.at("columns").get_to(layout.columns);
    from.at("labels").get_to(layout.labels);
    from.at("metrics").get_to(layout.metrics);
    from.at("paper_table").get_to(layout.paper_table);
    from.at("digits").get_to(layout.digits);
    if (from.contains("groups")) from.at("groups").get_to(layout.groups);
    if (from.contains("figure")) layout.figure = figure_of(from.at("figure"));
    if (from.contains("claims")) {
      for (const json& claim : from.at("claims")) layout.claims.push_back(claim_of(claim));
    }
    return layout;
  } catch (const json::exception& error) {
    throw InputError("a report's layout cannot be read: " + std::string(error.what()));
  }
}

}  // namespace labhost
