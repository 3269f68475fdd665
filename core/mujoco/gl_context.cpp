// EGL and OSMesa, loaded by name: a machine that only trains needs neither.
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GL/osmesa.h>
#include <dlfcn.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "core/mujoco/offscreen.hpp"

namespace labhost {

namespace {

/// A library with global symbols, so that MuJoCo finds its GL entry points. Never unloaded.
class Library {
 public:
  explicit Library(const char* name) : handle_(dlopen(name, RTLD_NOW | RTLD_GLOBAL)) {
    if (handle_ == nullptr) throw InputError(dlerror());
  }
  template <typename Function>
  Function* function(const char* name) const {
    void* address = dlsym(handle_, name);
    if (address == nullptr) throw InputError(std::string("no function ") + name);
    return reinterpret_cast<Function*>(address);
  }

 private:
  void* handle_;
};

// The functions' types, without linking them.
using GetProcAddress = decltype(eglGetProcAddress);
using GetPlatformDisplay = EGLDisplay(EGLenum, void*, const EGLint*);

class EglContext final : public GlContext {
 public:
  explicit EglContext(const Library& egl)
      : destroy_(egl.function<decltype(eglDestroyContext)>("eglDestroyContext")),
        make_current_(egl.function<decltype(eglMakeCurrent)>("eglMakeCurrent")) {
    const auto get_address = egl.function<GetProcAddress>("eglGetProcAddress");
    const auto get_display =
        reinterpret_cast<GetPlatformDisplay*>(get_address("eglGetPlatformDisplayEXT"));
    if (get_display == nullptr) throw InputError("no eglGetPlatformDisplayEXT");
    display_ = get_display(EGL_PLATFORM_SURFACELESS_MESA, nullptr, nullptr);
    const auto initialize = egl.function<decltype(eglInitialize)>("eglInitialize");
    if (display_ == EGL_NO_DISPLAY || initialize(display_, nullptr, nullptr) == EGL_FALSE) {
      throw InputError("no display on Mesa's surfaceless platform");
    }
    const EGLint wanted[] = {EGL_SURFACE_TYPE,
                             EGL_PBUFFER_BIT,
                             EGL_RED_SIZE,
                             8,
                             EGL_GREEN_SIZE,
                             8,
                             EGL_BLUE_SIZE,
                             8,
                             EGL_DEPTH_SIZE,
                             24,
                             EGL_STENCIL_SIZE,
                             8,
                             EGL_RENDERABLE_TYPE,
                             EGL_OPENGL_BIT,
                             EGL_NONE};
    EGLConfig config = nullptr;
    EGLint found = 0;
    const auto choose = egl.function<decltype(eglChooseConfig)>("eglChooseConfig");
    if (choose(display_, wanted, &config, 1, &found) == EGL_FALSE || found == 0) {
      throw InputError("no configuration with a 24 bit depth buffer");
    }
    egl.function<decltype(eglBindAPI)>("eglBindAPI")(EGL_OPENGL_API);
    const auto create = egl.function<decltype(eglCreateContext)>("eglCreateContext");
    context_ = create(display_, config, EGL_NO_CONTEXT, nullptr);
    if (context_ == EGL_NO_CONTEXT ||
        make_current_(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, context_) == EGL_FALSE) {
      throw InputError("no OpenGL context");
    }
  }
  ~EglContext() override {
    make_current_(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
    destroy_(display_, context_);
  }

 private:
  decltype(eglDestroyContext)* destroy_;
  decltype(eglMakeCurrent)* make_current_;
  EGLDisplay display_ = nullptr;
  ::EGLContext context_ = nullptr;
};

class OsMesaContext final : public GlContext {
 public:
  OsMesaContext(const Library& mesa, std::int64_t width, std::int64_t height)
      : destroy_(mesa.function<decltype(OSMesaDestroyContext)>("OSMesaDestroyContext")),
        buffer_(static_cast<std::size_t>(width * height * 4)) {
    const auto create = mesa.function<decltype(OSMesaCreateContextExt)>("OSMesaCreateContextExt");
    const auto make_current = mesa.function<decltype(OSMesaMakeCurrent)>("OSMesaMakeCurrent");
    context_ = create(GL_RGBA, 24, 8, 0, nullptr);
    if (context_ == nullptr ||
        make_current(context_, buffer_.data(), GL_UNSIGNED_BYTE, static_cast<GLsizei>(width),
                     static_cast<GLsizei>(height)) == GL_FALSE) {
      throw InputError("no OpenGL context");
    }
  }
  ~OsMesaContext() override { destroy_(context_); }

 private:
  decltype(OSMesaDestroyContext)* destroy_;
  std::vector<unsigned char> buffer_;  // the window that OSMesa draws into
  OSMesaContext context_ = nullptr;
};

std::unique_ptr<GlContext> create_egl() {
  return std::make_unique<EglContext>(Library("libEGL.so.1"));
}

}  // namespace

std::unique_ptr<GlContext> GlContext::create(std::int64_t width, std::int64_t height) {
  const char* variable = std::getenv("LABHOST_GL");
  const std::string wanted = variable == nullptr ? "" : variable;
  if (!wanted.empty() && wanted != "egl" && wanted != "osmesa") {
    throw InputError("LABHOST_GL is '" + wanted + "', expected egl or osmesa");
  }
  std::string reasons;
  if (wanted != "osmesa") {
    try {
      return create_egl();
    } catch (const InputError& error) {
      reasons += std::string("\n  EGL: ") + error.what();
    }
  }
  if (wanted != "egl") {
    try {
      return std::make_unique<OsMesaContext>(Library("libOSMesa.so.8"), width, height);
    } catch (const InputError& error) {
      reasons += std::string("\n  OSMesa: ") + error.what();
    }
  }
  throw InputError("nothing to draw with on this machine:" + reasons +
                   "\ninstall libegl1, libegl-mesa0 and libgl1-mesa-dri (EGL) or libosmesa6 "
                   "(OSMesa)");
}

}  // namespace labhost
