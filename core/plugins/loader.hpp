// Loading plugins: the ABI gate, then typed factories.
//
// A library is never unloaded: one that has used LibTorch crashes when it is (thread-locals and
// registered operators outlive it).
#pragma once

#include <filesystem>
#include <memory>

#include "core/plugins/description.hpp"
#include "core/sdk/algorithm.hpp"
#include "core/sdk/dataset.hpp"
#include "core/sdk/environment.hpp"

namespace labhost {

/// The build stamp of this host library: what a plugin's must equal.
const char* host_build_stamp();

/// The factory itself threw an InputError: the plugin does not take what it was given. What else a
/// factory throws is an InputError for the host's user, but no refusal.
class LABHOST_API PluginRefusal : public InputError {
 public:
  using InputError::InputError;
};

/// Loads a library and passes its header through the gate. Throws InputError, naming the file, what
/// was expected and what was found: not a library, no `labhost_plugin`, wrong magic, ABI version,
/// header size or build stamp, a header that contradicts itself.
class LABHOST_API LoadedPlugin {
 public:
  static LoadedPlugin load(const std::filesystem::path& library);

  PluginDescription description() const;

  /// Objects by kind; InputError when the plugin is of another kind or its factory throws;
  /// PluginRefusal when it throws an InputError.
  std::unique_ptr<Algorithm> make(const AlgorithmContext& context) const;
  std::unique_ptr<Environment> make(const EnvironmentContext& context) const;
  std::unique_ptr<Dataset> make(const DatasetContext& context) const;

 private:
  void* create(PluginKind kind, const void* context) const;

  const PluginHeader* header_ = nullptr;
  std::filesystem::path library_;
};

}  // namespace labhost
