// Compiled MuJoCo models, and MuJoCo's habits made fit for a library: no key presses, no log file.
#pragma once

#include <mujoco/mujoco.h>

#include <memory>
#include <string>

namespace labhost {

using Model = std::shared_ptr<const mjModel>;

/// Where a body's mass and inertia come from, if the text has `inertial` elements for it.
enum class Inertia {
  kStated,    ///< from its `inertial` element
  kFromGeoms  ///< from its geoms, as this MuJoCo computes them
};

/// Compiles MJCF text; kFromGeoms needs a text that says inertiafromgeom="auto" and is
/// std::logic_error without. Throws std::runtime_error with MuJoCo's message. Installs handlers for
/// MuJoCo's errors and warnings: by default it would wait for a key and write MUJOCO_LOG.TXT. An
/// error becomes a std::runtime_error; warnings are counted in mjData::warning and nothing else.
Model compile_model(std::string mjcf, Inertia inertia = Inertia::kStated);

struct DataDeleter {
  void operator()(mjData* data) const { mj_deleteData(data); }
};
using Data = std::unique_ptr<mjData, DataDeleter>;
/// A simulator's working memory. Throws std::bad_alloc.
Data make_data(const mjModel& model);

/// Index of a named body; std::logic_error when the model has none of that name.
int body_index(const mjModel& model, const char* name);

/// "2.2.2", of the library that runs.
std::string mujoco_version();

}  // namespace labhost
