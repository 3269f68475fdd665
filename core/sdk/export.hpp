// How a plugin's source becomes a plugin's symbol. Used through LABHOST_ALGORITHM and its siblings.
#pragma once

#include <iterator>

#include "core/sdk/build_stamp.hpp"
#include "core/sdk/plugin.hpp"

#define LABHOST_PLUGIN_(Class, Interface, Context, kind, name, version, summary, params, needs,   \
                        need_count, artifact, online)                                             \
  namespace {                                                                                     \
  void* labhost_create_(const void* context) {                                                    \
    return static_cast<Interface*>(new Class(*static_cast<const Context*>(context)));             \
  }                                                                                               \
  }                                                                                               \
  extern "C" __attribute__((visibility("default"))) const ::labhost::PluginHeader labhost_plugin; \
  const ::labhost::PluginHeader labhost_plugin = {{'L', 'A', 'B', 'H', 'O', 'S', 'T', '1'},       \
                                                  ::labhost::kAbiVersion,                         \
                                                  sizeof(::labhost::PluginHeader),                \
                                                  LABHOST_BUILD_STAMP,                            \
                                                  kind,                                           \
                                                  name,                                           \
                                                  version,                                        \
                                                  summary,                                        \
                                                  params,                                         \
                                                  std::size(params),                              \
                                                  needs,                                          \
                                                  need_count,                                     \
                                                  artifact,                                       \
                                                  online,                                         \
                                                  &labhost_create_}
