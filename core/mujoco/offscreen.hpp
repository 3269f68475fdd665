// Pictures of a MuJoCo simulator on a machine without a display.
#pragma once

#include <memory>
#include <stdexcept>

#include "core/mujoco/model.hpp"
#include "core/sdk/types.hpp"

namespace labhost {

/// An OpenGL context without a window, current on the thread that made it. EGL on Mesa's
/// surfaceless platform (which takes a GPU where there is one), else OSMesa; the libraries are
/// loaded when they are first needed. MuJoCo takes the first of the two that it finds in the
/// process, so only one is ever loaded. `LABHOST_GL` = egl or osmesa chooses.
class GlContext {
 public:
  virtual ~GlContext() = default;
  /// Throws InputError that says why neither works and what to install.
  static std::unique_ptr<GlContext> create(std::int64_t width, std::int64_t height);
};

/// Draws what the model's camera "view" sees. Use it on one thread.
class OffscreenRenderer {
 public:
  /// Of the largest picture that will be drawn.
  OffscreenRenderer(const Model& model, std::int64_t width, std::int64_t height);
  ~OffscreenRenderer();
  OffscreenRenderer(const OffscreenRenderer&) = delete;
  OffscreenRenderer& operator=(const OffscreenRenderer&) = delete;

  /// [height, width, 3] uint8, RGB, top row first. `data` must be of this model, and mj_forward
  /// done.
  Tensor draw(mjData& data, std::int64_t width, std::int64_t height);
  bool fits(std::int64_t width, std::int64_t height) const {
    return width <= width_ && height <= height_;
  }

 private:
  struct ModelDeleter {
    void operator()(mjModel* model) const { mj_deleteModel(model); }
  };
  std::int64_t width_, height_;
  std::unique_ptr<mjModel, ModelDeleter> model_;  // our own: the picture's size is part of a model
  std::unique_ptr<GlContext> gl_;
  mjvCamera camera_;
  mjvOption option_;
  mjvScene scene_;
  mjrContext context_;
};

}  // namespace labhost
