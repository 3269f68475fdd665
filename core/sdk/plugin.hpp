// The one symbol that a plugin exports, and all that the host reads of it before any C++ is called.
//
// Everything here is plain C data, so that a host can recognise a plugin built with another
// compiler, LibTorch or SDK and refuse it with a message instead of crashing. This header needs
// neither LibTorch nor the rest of the SDK. Write a plugin with the macros of algorithm.hpp,
// environment.hpp and dataset.hpp; nobody fills PluginHeader in by hand.
//
// Layout promise: within one kAbiVersion the fields below keep their order and meaning; a plugin
// whose abi_version or struct_size differs from the host's is refused.
#pragma once

#include <cstddef>
#include <cstdint>

namespace labhost {

inline constexpr char kPluginMagic[8] = {'L', 'A', 'B', 'H', 'O', 'S', 'T', '1'};
inline constexpr std::uint32_t kAbiVersion = 4;
inline constexpr const char* kPluginSymbol = "labhost_plugin";

enum class PluginKind : std::uint32_t { kAlgorithm = 1, kEnvironment = 2, kDataset = 3 };

/// Types of a hyperparameter. kText is one of `choices` where these are given. Of files the
/// content, not the name, is part of a run's identity.
enum class ParamType : std::uint32_t {
  kReal = 1,
  kInteger = 2,
  kFlag = 3,
  kText = 4,
  kFile = 5,   ///< a path
  kReals = 6,  ///< a list of real numbers; minimum and maximum hold for each
  kFiles = 7,  ///< a list of paths
  kData = 8    ///< the name of a data file ("ant-medium-v2"); the plugin is given its path
};

/// One row of a plugin's parameter table: the only place where a hyperparameter is declared.
/// All fields are text so that the table is plain data; numbers are written as in TOML
/// ("inf" is allowed for reals), the default of a list is "". `minimum`, `maximum` and `choices`
/// ("a|b|c") may be nullptr.
struct ParamDecl {
  const char* name;
  ParamType type;
  const char* default_value;
  const char* minimum;
  const char* maximum;
  const char* choices;
  const char* unit;     ///< "" when it has none
  const char* meaning;  ///< one sentence
  const char* source;   ///< "Appendix A.2", "released code", "ours"
};

/// A run that must have finished before a run with this plugin can start. An algorithm names the
/// algorithm that it needs, on the same task unless the experiment file names another; a dataset
/// leaves that to the file.
struct NeedDecl {
  const char* role;       ///< the name under which the plugin asks for the artifact
  const char* algorithm;  ///< the algorithm that produces it; "": `needs.ROLE` in the file says so
  /// A flag parameter of the plugin: where it is true there is no such need, and no artifact to ask
  /// for. nullptr or "": always needed.
  const char* unless = nullptr;
};

struct PluginHeader {
  char magic[8];
  std::uint32_t abi_version;
  std::uint32_t struct_size;
  const char* build_stamp;  ///< see build_stamp.hpp
  PluginKind kind;
  const char* name;     ///< folder = plugin name = TOML key = value in the database
  const char* version;  ///< part of a run's identity: raise it when results change
  const char* summary;  ///< one line
  const ParamDecl* params;
  std::uint64_t param_count;
  const NeedDecl* needs;
  std::uint64_t need_count;
  const char* artifact;  ///< kind of artifact that a finished run leaves ("policy", "world-model")
  std::uint32_t online;  ///< 1: an algorithm that interacts and reads no dataset; else 0
  /// Creates the object: Algorithm*, Environment* or Dataset* from the context of its kind.
  void* (*create)(const void* context);
};

}  // namespace labhost
