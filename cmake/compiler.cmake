# One set of flags for every target, so that the precompiled LibTorch header serves all of them (GCC
# refuses a precompiled header whose flags differ, -fPIC against -fPIE included).
add_compile_options(-fPIC -fvisibility=hidden -fvisibility-inlines-hidden
                    -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Werror)
add_link_options(-Wl,--as-needed)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")

if(LABHOST_SANITIZE)
  add_compile_options(-fsanitize=${LABHOST_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${LABHOST_SANITIZE})
endif()

# Options of the sanitizers for an executable; nothing in other builds.
function(labhost_sanitizer_options target)
  if(LABHOST_SANITIZE)
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/sanitizer_options.cpp)
    set_source_files_properties(${PROJECT_SOURCE_DIR}/cmake/sanitizer_options.cpp
      TARGET_DIRECTORY ${target} PROPERTIES COMPILE_OPTIONS "-fvisibility=default"
      SKIP_PRECOMPILE_HEADERS ON)
  endif()
endfunction()

find_program(LABHOST_CCACHE ccache)
if(LABHOST_CCACHE)
  # The sloppiness that ccache's manual asks for with precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${LABHOST_CCACHE})
  add_compile_options(-fpch-preprocess)
endif()
