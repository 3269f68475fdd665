#include "core/mujoco/model.hpp"

#include <array>
#include <cstring>
#include <new>
#include <stdexcept>

namespace labhost {

namespace {

/// MuJoCo's functions go on after a handler that returns, with their work undone. Its frames hold
/// nothing to destroy, so an exception may pass through them.
[[noreturn]] void throw_error(const char* message) {
  throw std::runtime_error(std::string("MuJoCo: ") + message);
}

void ignore_warning(const char*) {}

mjModel* compile(const std::string& mjcf, std::array<char, 1000>& error) {
  constexpr const char* kName = "model.xml";
  const auto files = std::make_unique<mjVFS>();  // megabytes in MuJoCo 2: not for the stack
  mj_defaultVFS(files.get());
  const auto size = static_cast<int>(mjcf.size());
#if mjVERSION_HEADER >= 300
  mj_addBufferVFS(files.get(), kName, mjcf.data(), size);
#else
  mj_makeEmptyFileVFS(files.get(), kName, size);
  std::memcpy(files->filedata[mj_findFileVFS(files.get(), kName)], mjcf.data(), mjcf.size());
#endif
  mjModel* model = mj_loadXML(kName, files.get(), error.data(), static_cast<int>(error.size()));
  mj_deleteVFS(files.get());
  return model;
}

/// MuJoCo ignores `inertial` elements where inertiafromgeom is "true".
void infer_inertia(std::string& mjcf) {
  static constexpr char kAuto[] = R"(inertiafromgeom="auto")";
  const std::size_t at = mjcf.find(kAuto);
  if (at == std::string::npos) {
    throw std::logic_error(std::string("the model's text does not contain ") + kAuto);
  }
  mjcf.replace(at, sizeof(kAuto) - 1, R"(inertiafromgeom="true")");
}

}  // namespace

Model compile_model(std::string mjcf, Inertia inertia) {
  if (inertia == Inertia::kFromGeoms) infer_inertia(mjcf);
  mju_user_error = throw_error;
  mju_user_warning = ignore_warning;
  std::array<char, 1000> error{};
  mjModel* model = compile(mjcf, error);
  if (model == nullptr) throw std::runtime_error(std::string("MuJoCo model: ") + error.data());
  return Model(model, [](const mjModel* m) { mj_deleteModel(const_cast<mjModel*>(m)); });
}

Data make_data(const mjModel& model) {
  Data data(mj_makeData(&model));
  if (!data) throw std::bad_alloc();
  return data;
}

int body_index(const mjModel& model, const char* name) {
  const int index = mj_name2id(&model, mjOBJ_BODY, name);
  if (index < 0) throw std::logic_error(std::string("the model has no body '") + name + "'");
  return index;
}

std::string mujoco_version() { return mj_versionString(); }

}  // namespace labhost
