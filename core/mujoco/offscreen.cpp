#include "core/mujoco/offscreen.hpp"

namespace labhost {

namespace {

constexpr int kMostGeoms = 1000;

mjrRect rectangle(std::int64_t width, std::int64_t height) {
  return {0, 0, static_cast<int>(width), static_cast<int>(height)};
}

}  // namespace

OffscreenRenderer::OffscreenRenderer(const Model& model, std::int64_t width, std::int64_t height)
    : width_(width), height_(height), model_(mj_copyModel(nullptr, model.get())) {
  model_->vis.global.offwidth = static_cast<int>(width);
  model_->vis.global.offheight = static_cast<int>(height);
  gl_ = GlContext::create(width, height);
  mjv_defaultCamera(&camera_);
  mjv_defaultOption(&option_);
  mjv_defaultScene(&scene_);
  mjr_defaultContext(&context_);
  camera_.type = mjCAMERA_FIXED;
  camera_.fixedcamid = mj_name2id(model_.get(), mjOBJ_CAMERA, "view");
  mjv_makeScene(model_.get(), &scene_, kMostGeoms);
  mjr_makeContext(model_.get(), &context_, mjFONTSCALE_100);
  mjr_setBuffer(mjFB_OFFSCREEN, &context_);
}

OffscreenRenderer::~OffscreenRenderer() {
  mjr_freeContext(&context_);
  mjv_freeScene(&scene_);
}

Tensor OffscreenRenderer::draw(mjData& data, std::int64_t width, std::int64_t height) {
  if (!fits(width, height)) throw std::logic_error("the picture is larger than its renderer");
  mjv_updateScene(model_.get(), &data, &option_, nullptr, &camera_, mjCAT_ALL, &scene_);
  mjr_render(rectangle(width, height), &scene_, &context_);
  Tensor picture = torch::empty({height, width, 3}, torch::kUInt8);
  mjr_readPixels(picture.data_ptr<std::uint8_t>(), nullptr, rectangle(width, height), &context_);
  return picture.flip(0);  // OpenGL's first row is the lowest
}

}  // namespace labhost
