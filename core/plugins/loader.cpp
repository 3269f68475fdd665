#include "core/plugins/loader.hpp"

#include <dlfcn.h>

#include <boost/dll/shared_library.hpp>
#include <cstring>
#include <list>
#include <set>

#include "core/base/text.hpp"

namespace labhost {

namespace {

[[noreturn]] void refuse(const std::filesystem::path& library, const std::string& reason) {
  throw InputError(library.string() + ": " + reason);
}

/// Everything up to here is read as plain data; the fields behind build_stamp only after it
/// matched.
void check_binary(const PluginHeader& header, const std::filesystem::path& library) {
  if (std::memcmp(header.magic, kPluginMagic, sizeof kPluginMagic) != 0) {
    refuse(library, "not a labhost plugin: its header does not begin with LABHOST1");
  }
  if (header.abi_version != kAbiVersion) {
    const bool older = header.abi_version < kAbiVersion;
    refuse(library, std::string("built for ") + (older ? "an older" : "a newer") +
                        " labhost: expected plugin ABI " + std::to_string(kAbiVersion) +
                        ", found " + std::to_string(header.abi_version) + "; rebuild it against " +
                        "this labhost's SDK" + (older ? "" : " or use a newer labhost"));
  }
  if (header.struct_size != sizeof(PluginHeader)) {
    refuse(library, "expected a plugin header of " + std::to_string(sizeof(PluginHeader)) +
                        " bytes, found " + std::to_string(header.struct_size) +
                        "; rebuild it against this labhost's SDK");
  }
  const std::string stamp = header.build_stamp == nullptr ? "nothing" : header.build_stamp;
  if (stamp != host_build_stamp()) {
    refuse(library, "built differently from this labhost: expected '" +
                        std::string(host_build_stamp()) + "', found '" + stamp +
                        "'; rebuild it with the same compiler, LibTorch and build type");
  }
}

void check_params(const PluginHeader& header, const std::filesystem::path& library) {
  std::set<std::string> seen;
  for (std::uint64_t i = 0; i < header.param_count; ++i) {
    const ParamDecl& param = header.params[i];
    if (param.name == nullptr || *param.name == '\0' || param.default_value == nullptr ||
        param.unit == nullptr || param.meaning == nullptr || param.source == nullptr) {
      refuse(library, "row " + std::to_string(i + 1) + " of its parameter table is incomplete");
    }
    if (!seen.insert(param.name).second) {
      refuse(library, "its parameter table declares '" + std::string(param.name) + "' twice");
    }
  }
}

std::optional<double> bound(const char* text, const ParamDecl& param,
                            const std::filesystem::path& library) {
  if (text == nullptr) return std::nullopt;
  const auto value = parse_real(text);
  if (!value) {
    refuse(library,
           "bound '" + std::string(text) + "' of parameter '" + param.name + "' is not a number");
  }
  return value;
}

}  // namespace

const char* host_build_stamp() { return LABHOST_BUILD_STAMP; }

LoadedPlugin LoadedPlugin::load(const std::filesystem::path& library) {
  namespace dll = boost::dll;
  if (!std::filesystem::exists(library)) refuse(library, "no such file");
  // Leaked on purpose: see the head of loader.hpp.
  static auto& loaded = *new std::list<dll::shared_library>;
  std::error_code error;
  dll::shared_library handle(library.string(), error, dll::load_mode::rtld_now);
  if (error) {
    const char* reason = dlerror();
    refuse(library, "expected a shared library that can be loaded, found: " +
                        (reason != nullptr ? std::string(reason) : error.message()));
  }
  loaded.push_back(handle);
  if (!handle.has(kPluginSymbol)) {
    refuse(library, std::string("expected the symbol '") + kPluginSymbol +
                        "', found none; end the plugin's source with LABHOST_ALGORITHM, "
                        "LABHOST_ENVIRONMENT or LABHOST_DATASET");
  }
  LoadedPlugin plugin;
  plugin.header_ = &loaded.back().get<const PluginHeader>(kPluginSymbol);
  plugin.library_ = library;
  check_binary(*plugin.header_, library);
  check_params(*plugin.header_, library);
  const PluginDescription description = plugin.description();
  try {
    check_needs(description);
  } catch (const InputError& contradiction) {
    refuse(library, contradiction.what());
  }
  // Defaults must themselves be valid values.
  for (const ParamDescription& param : description.params) {
    if (is_file(param.type) && param.default_value.empty()) continue;
    canonical_value(description, param, param.default_value);
  }
  return plugin;
}

PluginDescription LoadedPlugin::description() const {
  const auto text = [](const char* value) { return std::string(value == nullptr ? "" : value); };
  PluginDescription result;
  result.kind = header_->kind;
  result.name = text(header_->name);
  result.version = text(header_->version);
  result.summary = text(header_->summary);
  result.build_stamp = text(header_->build_stamp);
  result.artifact = text(header_->artifact);
  result.abi_version = header_->abi_version;
  result.online = header_->online != 0;
  result.library = library_;
  for (std::uint64_t i = 0; i < header_->param_count; ++i) {
    const ParamDecl& param = header_->params[i];
    ParamDescription entry;
    entry.name = param.name;
    entry.type = param.type;
    entry.default_value = param.default_value;
    entry.minimum = bound(param.minimum, param, library_);
    entry.maximum = bound(param.maximum, param, library_);
    if (param.choices != nullptr) entry.choices = split(param.choices, '|');
    entry.unit = param.unit;
    entry.meaning = param.meaning;
    entry.source = param.source;
    result.params.push_back(entry);
  }
  for (std::uint64_t i = 0; i < header_->need_count; ++i) {
    const NeedDecl& need = header_->needs[i];
    result.needs.push_back({text(need.role), text(need.algorithm), text(need.unless)});
  }
  return result;
}

void* LoadedPlugin::create(PluginKind kind, const void* context) const {
  if (header_->kind != kind) {
    refuse(library_, std::string("expected a plugin of kind ") + to_string(kind) + ", found " +
                         to_string(header_->kind));
  }
  const std::string who = std::string(to_string(kind)) + " '" + header_->name + "'";
  void* object = nullptr;
  try {
    object = header_->create(context);
  } catch (const InputError& error) {
    throw PluginRefusal(library_.string() + ": " + who + " could not be created: " + error.what());
  } catch (const c10::Error& error) {
    refuse(library_, who + " could not be created: " + error.what_without_backtrace());
  } catch (const std::exception& error) {
    refuse(library_, who + " could not be created: " + error.what());
  } catch (...) {
    refuse(library_,
           who + " could not be created: its factory threw something that is no exception");
  }
  if (object == nullptr)
    refuse(library_, who + " could not be created: its factory returned nothing");
  return object;
}

std::unique_ptr<Algorithm> LoadedPlugin::make(const AlgorithmContext& context) const {
  return std::unique_ptr<Algorithm>(
      static_cast<Algorithm*>(create(PluginKind::kAlgorithm, &context)));
}

std::unique_ptr<Environment> LoadedPlugin::make(const EnvironmentContext& context) const {
  return std::unique_ptr<Environment>(
      static_cast<Environment*>(create(PluginKind::kEnvironment, &context)));
}

std::unique_ptr<Dataset> LoadedPlugin::make(const DatasetContext& context) const {
  return std::unique_ptr<Dataset>(static_cast<Dataset*>(create(PluginKind::kDataset, &context)));
}

}  // namespace labhost
