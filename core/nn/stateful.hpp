// What a checkpoint holds, named once: saving and loading cannot drift apart.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "core/sdk/archive.hpp"

namespace labhost {

/// A part of an algorithm that goes into checkpoints under a name: networks, optimisers.
class LABHOST_API Stateful {
 public:
  virtual ~Stateful() = default;
  virtual void save(Archive& archive, const std::string& name) const = 0;
  /// Throws InputError when the archive lacks the name or has another shape.
  virtual void load(const Archive& archive, const std::string& name) = 0;
};

/// The parts of an algorithm by name. They must outlive the list; make it the last member.
class LABHOST_API StateList {
 public:
  StateList(std::initializer_list<std::pair<const char*, Stateful*>> parts) : parts_(parts) {}

  void save(Archive& archive) const {
    for (const auto& [name, part] : parts_) part->save(archive, name);
  }
  void load(const Archive& archive) const {
    for (const auto& [name, part] : parts_) part->load(archive, name);
  }

 private:
  std::vector<std::pair<const char*, Stateful*>> parts_;
};

}  // namespace labhost
